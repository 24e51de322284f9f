#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "fftconv/convolution/spectral/spectrum.hpp"

namespace fftconv {

/// Which code transforms the tiles: `vectors`, our own transforms of SIMD vectors, for the sizes that matter;
/// `fftw`, for every other size and as the oracle of ours; `automatic` takes ours where there is one.
enum class TransformLibrary { automatic, vectors, fftw };

/// Real transforms of H × W tiles, several lanes (images) at once. A gathered tile is (H, W, lanes) floats;
/// its spectrum is stored in a SpectrumLayout at one channel and `lanes` neighbouring lanes of it.
///
/// Scaling: forward gives twice the transform, inverse is unnormalised; the factor 1/(2HW) is in the kernel
/// spectra. Objects are constant after construction and may be used by several threads at once.
class TileTransform {
  public:
    /// @throws ShapeError when the library named cannot do this size.
    TileTransform(int height, int width, TransformLibrary library = TransformLibrary::automatic);
    explicit TileTransform(int tile, TransformLibrary library = TransformLibrary::automatic)
        : TileTransform(tile, tile, library) {}
    ~TileTransform();

    const BinOrder& bins() const { return order_; }
    int height() const { return order_.height; }
    int width() const { return order_.width; }
    std::size_t area() const { return std::size_t(height()) * width(); }
    bool uses_fftw() const;
    /// Lanes that one call transforms best on this machine: 8 or 16.
    static int preferred_lanes();
    /// Floats of scratch that one call needs, 64-byte aligned.
    std::size_t scratch_floats(int lanes) const;

    /// Forward. `rows` lists the rows of the tile that are not wholly zero, the others are not read. Both
    /// fetch the spectrum `next` meanwhile, which the call after this one takes; null: none.
    void forward(const float* tile, const std::vector<int>& rows, int lanes, float* spectrum,
                 const SpectrumLayout& layout, float* scratch, const float* next = nullptr) const;
    /// Inverse. Only the rows listed are written.
    void inverse(const float* spectrum, const SpectrumLayout& layout, int lanes, const std::vector<int>& rows,
                 float* tile, float* scratch, const float* next = nullptr) const;

  private:
    BinOrder order_;
    struct FftwPlans;
    std::unique_ptr<FftwPlans> fftw_;  ///< null: our own transforms
};

/// Has `vectors` a transform of this size along an axis?
bool has_vector_transform(int size);

}  // namespace fftconv
