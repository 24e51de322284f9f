#pragma once
#include <string>
#include <vector>

#include "fftconv/core/named_array.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/pruning/pruned_network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// The thinner network that a masked one amounts to: the surviving maps and the weights between them, in an
/// architecture of its own, with masks of what is pruned in what is left. Its outputs are the masked
/// network's but for rounding, and so are its gradients, so it is trained on or saved as any other; dropout
/// alone draws other units where some are gone. A layer of which nothing survives keeps one map, held at
/// zero.
PrunedNetwork compact(const PrunedNetwork& pruned);

/// The thinner network of a masked one, and the way back: a network that has lost maps is trained in less
/// time as the thinner one, and the result is written into the full shapes.
class Compaction {
  public:
    /// Nothing of `pruned` is needed afterwards.
    explicit Compaction(const PrunedNetwork& pruned);

    /// As compact(pruned).
    PrunedNetwork& thin() { return thin_; }
    /// Whether any map is gone.
    bool thinner() const { return thinner_; }
    /// Arrays of the thin network, as Network::state or Optimizer::state names them, in the shapes of the
    /// masked one. What the thin network has no place for is as in the array of that name of `full`, or
    /// zero without one. @throws ShapeError on an array that is not one of the thin network's.
    std::vector<NamedArray> widened(const std::vector<NamedArray>& thin,
                                    const std::vector<NamedArray>& full = {}) const;

  private:
    /// A weighted layer of the masked network: its surviving maps behind and before it, ascending.
    struct Layer {
        std::vector<int> out, in;
        int all_in = 0, area = 0;
    };
    /// An array of the masked network.
    struct Place {
        std::string array;
        std::vector<int> shape;
        std::size_t layer;
        bool weight;  ///< (out, in, area) of its layer; else (out)
    };
    const Place& place_of(const std::string& array) const;
    void scatter(const std::vector<float>& thin, const Place& place, std::vector<float>& wide) const;

    std::vector<Layer> layers_;
    std::vector<Place> places_;
    PrunedNetwork thin_;
    bool thinner_;
};

}  // namespace fftconv
