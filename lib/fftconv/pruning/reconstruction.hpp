#pragma once
#include <memory>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/pruning/units.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Pruning of kernels by what their output maps lose, measured in the frequency domain: a rule of our own, of
/// one pass over a few batches. A layer's output map is the sum of what its kernels make of their input maps,
/// y[o] = Σ_c W[o,c] ⋆ x[c]. With the cross spectra S[c,c'](f) of the input maps, mean over the images,
/// Parseval's theorem gives the inner products of all those terms, means taken away,
///   G[o](c, c') = Σ_f conj(W[o,c](f)) W[o,c'](f) S[c,c'](f) / T²,
/// without a convolution. Kernels are then taken from a map one after the other, always the one whose loss is
/// least once the others make up for it, each by a factor of its own (least squares; the elimination of
/// optimal brain surgery, Hassibi and Stork 1993, over kernels instead of weights). A unit's score is its
/// loss, times the map's weight in the network's loss: the mean square of ∂L/∂y[o] (Fisher information).
class Reconstruction {
  public:
    /// Measures the layers of the scope. Network and images must outlive it; of the images the first
    /// `batches` are taken. The network stays as it is, but for its gradients.
    /// @throws UsageError unless the scope's units are kernels or groups of them.
    Reconstruction(PrunedNetwork& pruned, const PruningScope& scope, Batches& images, int batches);
    ~Reconstruction();

    /// Of each unit of live_units(pruned, scope), as it was when this was made.
    std::vector<std::vector<double>> scores() const;
    /// Makes up for kernels that the network's masks prune by now: surviving ones are multiplied by the
    /// factors that are best together, and a bias takes what is lost of the mean.
    void compensate();

  private:
    struct MeasuredLayer;

    PrunedNetwork& pruned_;
    PruningScope scope_;
    std::vector<std::unique_ptr<MeasuredLayer>> layers_;  ///< in the scope's order
};

}  // namespace fftconv
