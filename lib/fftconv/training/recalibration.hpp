#pragma once
#include <cstddef>
#include <vector>

#include "fftconv/core/public.hpp"
#include "fftconv/dataset/batches.hpp"
#include "fftconv/network/network.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Takes the running statistics of a network's batch normalisations anew, from the first batches of some
/// images; weights stay as they are (Li et al. 2020, "EagleEye"). A network whose maps have changed, by a
/// mask above all, keeps statistics of maps that are no more, and is at chance however good it is. Where
/// nothing changes before layer `first` from run to run, what that layer takes is computed once and kept.
class Recalibration {
  public:
    /// Network and images must outlive it; of the images the first `batches` are taken, 0 = none: nothing is
    /// changed then. A last batch that is not full counts only when there is no other.
    Recalibration(Network& network, Batches& images, int batches, std::size_t first = 0);

    /// Nothing to do without batch normalisation. @throws ShapeError as BatchNorm::forward.
    void run();

  private:
    void prepare();

    Network& network_;
    Batches& images_;
    int batches_;
    std::size_t first_, last_ = 0;  ///< layers first_ … last_ − 1 are run; the last one is a normalisation
    bool prepared_ = false;
    std::vector<Batch> kept_;  ///< what layer first_ takes, in the place of the images
};

/// One run of it.
void recalibrate(Network& network, Batches& images, int batches);

}  // namespace fftconv
