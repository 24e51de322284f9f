#pragma once
#include <cstdint>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/network/network.hpp"
#include "fftconv/pruning/mask.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A network and what is pruned of it. What the masks prune is held at exactly zero, whatever the network is
/// given: weights, and of a pruned map its bias, or its scale and shift of batch normalisation, so that the
/// map is exactly zero; all else is free. Kernels that are pruned whole are absent from the engines. There is
/// one way to set masks; MaskTrial (search.hpp) lends the network to others for a look at them.
class PrunedNetwork {
  public:
    /// As set_masks. The network may have been trained elsewhere: layers go by name.
    /// @throws ShapeError as check_masks.
    explicit PrunedNetwork(Network network, Masks masks = {});

    Network network;  ///< to be trained and evaluated; its held parameters belong to the masks

    /// In the network's order.
    const Masks& masks() const { return masks_; }
    /// Prunes what these masks prune, and frees all else, though what was zeroed stays zero until it is
    /// trained. @throws ShapeError as check_masks; then nothing has changed.
    void set_masks(Masks masks);

    /// One byte per weight of each of weighted_layers(network), 0 = pruned: surviving_weights(masks(), …).
    std::vector<std::vector<std::uint8_t>> surviving_weights() const;
    /// Per weighted layer, in the network's order.
    std::vector<LayerDensity> density() const;
    /// Where masks() (first) and other ones (second) agree. @throws ShapeError as check_masks.
    std::vector<MaskComparison> compare(const Masks& second) const;

  private:
    Masks masks_;
};

}  // namespace fftconv
