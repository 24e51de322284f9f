#pragma once
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "fftconv/core/aligned.hpp"
#include "fftconv/core/public.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// Channels, height and width of the maps between two layers, whatever the batch.
struct MapShape {
    int channels = 0, height = 0, width = 0;  ///< maps, and the rows and columns of each

    /// Pixels of all maps.
    std::size_t size() const { return std::size_t(channels) * std::size_t(height) * std::size_t(width); }
    bool operator==(const MapShape&) const = default;
};

/// Floats between one pixel and the next: the batch rounded up to whole vectors of eight lanes, or, below
/// eight images, to a power of two, so that a single image costs no more than itself.
constexpr int padded_batch(int batch) {
    if (batch >= 8) return (batch + 7) / 8 * 8;
    return batch > 4 ? 8 : batch > 2 ? 4 : batch;
}

/// Activations, (C, H, W, N) with the batch innermost and padded (padded_batch): every pointwise layer,
/// pooling and mode selection then runs over contiguous memory whatever the size of the image. 64-byte
/// aligned. A new tensor is zero, its padding lanes included. Padding lanes hold finite values, never
/// results.
class Tensor {
  public:
    /// No element.
    Tensor() = default;
    /// Zeros. @throws ShapeError on negative extents, std::bad_alloc.
    Tensor(int channels, int height, int width, int batch);
    /// The same.
    Tensor(MapShape maps, int batch) : Tensor(maps.channels, maps.height, maps.width, batch) {}
    /// A copy of shape and floats. @throws std::bad_alloc
    Tensor(const Tensor&) = default;
    /// The same.
    Tensor& operator=(const Tensor&) = default;
    /// What was moved from is empty, as a Tensor() is.
    Tensor(Tensor&& other) noexcept { swap(other); }
    /// The same.
    Tensor& operator=(Tensor&& other) noexcept {
        Tensor(std::move(other)).swap(*this);
        return *this;
    }

    /// C.
    int channels() const { return maps_.channels; }
    /// H.
    int height() const { return maps_.height; }
    /// W.
    int width() const { return maps_.width; }
    /// N, without padding lanes.
    int batch() const { return batch_; }
    /// C, H and W.
    MapShape maps() const { return maps_; }
    /// Floats from one pixel to the next.
    int batch_stride() const { return batch_stride_; }
    /// Floats in memory, padding lanes included.
    std::size_t size() const { return data_.size(); }
    /// Whether all four extents are equal.
    bool same_shape(const Tensor& other) const { return maps_ == other.maps_ && batch_ == other.batch_; }

    /// The first element; the order is (C, H, W, batch_stride()).
    float* data() { return data_.data(); }
    /// The same.
    const float* data() const { return data_.data(); }
    /// The batch_stride() floats of one pixel.
    float* pixel(int c, int h, int w) { return data_.data() + offset(c, h, w); }
    /// The same.
    const float* pixel(int c, int h, int w) const { return data_.data() + offset(c, h, w); }
    /// Element n of a pixel. No index is checked.
    float& operator()(int c, int h, int w, int n) { return data_[offset(c, h, w) + std::size_t(n)]; }
    /// The same.
    float operator()(int c, int h, int w, int n) const { return data_[offset(c, h, w) + std::size_t(n)]; }

    /// Exchanges the two.
    void swap(Tensor& other) noexcept {
        std::swap(maps_, other.maps_);
        std::swap(batch_, other.batch_);
        std::swap(batch_stride_, other.batch_stride_);
        data_.swap(other.data_);
    }
    /// Sets every element, padding lanes included.
    void fill(float value);
    /// Takes another shape, keeping the memory where it suffices; contents are then unspecified but finite
    /// only where they were: the caller writes every element.
    void reshape(MapShape maps, int batch);

  private:
    std::size_t offset(int c, int h, int w) const {
        return ((std::size_t(c) * std::size_t(maps_.height) + std::size_t(h)) * std::size_t(maps_.width) +
                std::size_t(w)) *
               std::size_t(batch_stride_);
    }

    MapShape maps_;
    int batch_ = 0, batch_stride_ = 0;
    AlignedFloats data_;
};

/// (N, C, H, W) floats, row-major, to a tensor; padding lanes are zero.
/// @throws ShapeError when the span does not hold batch × maps floats.
Tensor from_nchw(std::span<const float> nchw, MapShape maps, int batch);
/// A tensor to (N, C, H, W) floats, row-major.
std::vector<float> to_nchw(const Tensor& tensor);

}  // namespace fftconv
