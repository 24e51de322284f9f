#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// A row-major matrix of one channel of one image, as Eigen's maps are (H rows, W columns, any strides).
template <class M>
concept MatrixLike = requires(M& m) {
    {m.data()};
    { m.rowStride() } -> std::convertible_to<std::ptrdiff_t>;
    { m.colStride() } -> std::convertible_to<std::ptrdiff_t>;
    { m.rows() } -> std::convertible_to<std::ptrdiff_t>;
    { m.cols() } -> std::convertible_to<std::ptrdiff_t>;
};

/// What has the interface of std::mdspan: extents (N, C, H, W), any strides.
template <class M>
concept MdspanLike = requires(const M& m) {
    {m.data_handle()};
    { m.extent(0) } -> std::convertible_to<std::ptrdiff_t>;
    { m.stride(0) } -> std::convertible_to<std::ptrdiff_t>;
    requires std::remove_cvref_t<M>::rank()
    == 4;
};

/// A view of a batch of maps in memory that others own: a pointer, four extents and four strides in floats,
/// which may be of any size and sign. nchw(), nhwc() and chwn() make those of the usual layouts; tensors,
/// Eigen's matrices (one channel of one image) and mdspans (N, C, H, W) convert by themselves. Views are
/// values: they are copied, and own nothing; what they view must outlive their use. T: float or const float.
template <class T>
struct BasicMapsView {
    T* data = nullptr;                                   ///< of image 0, channel 0, pixel (0, 0)
    int batch = 0, channels = 0, height = 0, width = 0;  ///< N, C, H, W
    std::ptrdiff_t image_stride = 0, channel_stride = 0, row_stride = 0, column_stride = 0;  ///< floats
    int lanes = 0;  ///< images that a pixel has room for: the batch, or with a Tensor its padding lanes too

    /// Of nothing.
    BasicMapsView() = default;
    /// N, C, H, W and their strides.
    BasicMapsView(T* first, int n, int c, int h, int w, std::ptrdiff_t of_image, std::ptrdiff_t of_channel,
                  std::ptrdiff_t of_row, std::ptrdiff_t of_column)
        : data(first),
          batch(n),
          channels(c),
          height(h),
          width(w),
          image_stride(of_image),
          channel_stride(of_channel),
          row_stride(of_row),
          column_stride(of_column),
          lanes(n) {}

    /// A tensor, with its padding lanes.
    BasicMapsView(const Tensor& tensor)  // NOLINT: converts
        requires std::is_const_v<T> : BasicMapsView(of_tensor, tensor.data(), tensor) {}
    /// The same.
    BasicMapsView(Tensor& tensor)  // NOLINT: converts
        requires(!std::is_const_v<T>)
        : BasicMapsView(of_tensor, tensor.data(), tensor) {}
    /// What may be written may be read.
    template <class Other>
    requires(std::is_const_v<T>&& std::same_as<Other, std::remove_const_t<T>>)
        BasicMapsView(const BasicMapsView<Other>& view)  // NOLINT: converts
        : BasicMapsView(view.data, view.batch, view.channels, view.height, view.width, view.image_stride,
                        view.channel_stride, view.row_stride, view.column_stride) {
        lanes = view.lanes;
    }
    /// An Eigen matrix or map: one channel of one image.
    template <class Matrix>
    requires MatrixLike<std::remove_reference_t<Matrix>> BasicMapsView(Matrix&& m)  // NOLINT: converts
        : BasicMapsView(m.data(), 1, 1, extent(m.rows()), extent(m.cols()), 0, 0, m.rowStride(),
                        m.colStride()) {}
    /// An mdspan of (N, C, H, W).
    template <MdspanLike Span>
    BasicMapsView(const Span& m)  // NOLINT: converts
        : BasicMapsView(m.data_handle(), extent(m.extent(0)), extent(m.extent(1)), extent(m.extent(2)),
                        extent(m.extent(3)), std::ptrdiff_t(m.stride(0)), std::ptrdiff_t(m.stride(1)),
                        std::ptrdiff_t(m.stride(2)), std::ptrdiff_t(m.stride(3))) {}

    /// C, H and W.
    MapShape maps() const { return {channels, height, width}; }
    /// Image 0 of a pixel.
    T* pixel(int c, int h, int w) const {
        return data + c * channel_stride + h * row_stride + w * column_stride;
    }
    /// One element. No index is checked.
    T& operator()(int n, int c, int h, int w) const { return pixel(c, h, w)[n * image_stride]; }

    /// The addresses from the first float on to behind the last one, padding lanes included.
    std::pair<std::uintptr_t, std::uintptr_t> addresses() const {
        std::ptrdiff_t low = 0, high = 0;
        const std::pair<int, std::ptrdiff_t> axes[] = {
            {lanes, image_stride}, {channels, channel_stride}, {height, row_stride}, {width, column_stride}};
        for (const auto& [extent, stride] : axes)
            (stride < 0 ? low : high) += (std::ptrdiff_t(extent) - 1) * stride;
        const auto first = reinterpret_cast<std::uintptr_t>(data);
        return {first + std::uintptr_t(low) * sizeof(T), first + std::uintptr_t(high + 1) * sizeof(T)};
    }

  private:
    struct OfTensor {};
    static constexpr OfTensor of_tensor{};
    BasicMapsView(OfTensor, T* first, const Tensor& tensor)
        : BasicMapsView(first, tensor.batch(), tensor.channels(), tensor.height(), tensor.width(), 1,
                        std::ptrdiff_t(tensor.height()) * tensor.width() * tensor.batch_stride(),
                        std::ptrdiff_t(tensor.width()) * tensor.batch_stride(), tensor.batch_stride()) {
        lanes = tensor.batch_stride();
    }
    template <class Extent>
    static int extent(Extent value) {
        return value < Extent(0) || std::uintmax_t(value) > std::uintmax_t(INT32_MAX) ? -1 : int(value);
    }
};

/// Maps that are written.
using MapsView = BasicMapsView<float>;
/// Maps that are read.
using ConstMapsView = BasicMapsView<const float>;

/// Row-major (N, C, H, W), as PyTorch and ONNX have it. T: float or const float.
template <class T>
BasicMapsView<T> nchw(T* data, int n, int c, int h, int w) {
    const std::ptrdiff_t row = w, map = row * h;
    return {data, n, c, h, w, map * c, map, row, 1};
}

/// Row-major (N, H, W, C), "channels last", as TensorFlow has it, and image files.
template <class T>
BasicMapsView<T> nhwc(T* data, int n, int c, int h, int w) {
    const std::ptrdiff_t row = std::ptrdiff_t(w) * c;
    return {data, n, c, h, w, row * h, 1, row, c};
}

/// Row-major (C, H, W, N), the batch innermost, as in a Tensor (but for its padding lanes).
template <class T>
BasicMapsView<T> chwn(T* data, int n, int c, int h, int w) {
    const std::ptrdiff_t row = std::ptrdiff_t(w) * n;
    return {data, n, c, h, w, 1, row * h, row, n};
}

}  // namespace fftconv
