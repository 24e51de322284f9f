#pragma once
#include <vector>

#include "fftconv/core/named_array.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/dataset/images.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// The defaults are those of Goodfellow et al., "Maxout networks" (ICML 2013), for CIFAR-10.
struct PreprocessOptions {
    bool contrast = true;                   ///< global contrast normalisation
    float contrast_scale = 55;              ///< s, of an image's norm
    float contrast_bias = 0;                ///< b, added to its square
    bool whitening = true;                  ///< zero-phase component analysis
    float whitening_regularisation = 0.1f;  ///< ε
};

/// Global contrast normalisation of each image by its norm over all channels and pixels,
/// x ← s (x − x̄) / √(b + Σ (x − x̄)²), so that 55 makes a pixel of 3 × 32 × 32 deviate by about 1; then ZCA
/// whitening, x ← W (x − μ) with W = (C + ε I)^(−½), where μ and C are mean and covariance of the training
/// images (Krizhevsky, "Learning multiple layers of features from tiny images", 2009, appendix A).
class Preprocessing {
  public:
    /// Nothing: apply only turns bytes into floats 0 … 1.
    Preprocessing() = default;
    /// Fits μ and W to these images, and to no others. The same bits for any number of threads.
    /// @throws UsageError on options that make no sense; ShapeError on no images.
    Preprocessing(const LabelledImages& train, const PreprocessOptions& options, int threads);

    /// Is there nothing to do but to make floats?
    bool empty() const { return contrast_.empty() && whitening_.empty(); }
    /// Makes floats of the images. @throws ShapeError when they are not of the shape that was fitted.
    void apply(LabelledImages& images, int threads) const;

    /// All that apply needs, to be stored with a network: preprocessing/contrast, preprocessing/mean (C, H,
    /// W) and preprocessing/whitening (pixels, pixels); what is not used is left out; preprocessing/shape (C,
    /// H, W) where there is contrast alone. The two numbers of contrast are those that the standard deviation
    /// takes, σ and β of σ (x − x̄) / √(β + var x): s / √pixels and b / pixels. (Files from before 2026-11-26
    /// have (55, 10/255²) there, and are applied as they were made.)
    std::vector<NamedArray> arrays() const;
    /// From such arrays; others are ignored. Without a shape (older files of contrast alone) apply takes
    /// images of any. @throws ShapeError when they do not fit each other.
    static Preprocessing from_arrays(const std::vector<NamedArray>& arrays);

  private:
    void fit_mean_and_whitening(const LabelledImages& train, float regularisation, int threads);
    std::vector<float> normalised(const LabelledImages& images, int first, int count) const;

    std::vector<float> contrast_;   // σ, β; empty: none
    MapShape maps_;                 // of the images that were fitted
    std::vector<float> mean_;       // μ
    std::vector<float> whitening_;  // W, symmetric; empty: none
};

}  // namespace fftconv
