#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fftconv/convolution/shape.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/names.hpp"
#include "fftconv/core/public.hpp"
#include "fftconv/core/tensor.hpp"

namespace FFTCONV_PUBLIC fftconv {

/// One convolution; ReLU follows it, after its batch normalisation and the pooling right behind it.
struct ConvolutionSpec {
    int outputs = 1;                     ///< feature maps
    PerAxis kernel = 3;                  ///< k_h × k_w
    Padding padding = 1;                 ///< zeros on each side
    bool batch_norm = false;             ///< instead of a bias
    PerAxis stride = 1;                  ///< pixels from one output to the next
    PerAxis dilation = 1;                ///< pixels from one tap to the next
    int groups = 1;                      ///< of maps; `depthwise`: as many as there are maps before it
    static constexpr int depthwise = 0;  ///< of `groups`
    bool operator==(const ConvolutionSpec&) const = default;
};

/// What reduces 2×2 windows with stride 2: the largest, the mean, pixel K of a whole convolution (random
/// pooling), or pixel K as all that the convolution before it computes (easy convolution pooling).
/// `overlapped_max`: the largest of 3×3 windows with stride 2, sizes rounding up.
enum class PoolingMethod { max, average, random, ecp, overlapped_max };

/// One pooling layer.
struct PoolingSpec {
    /// How a window becomes a pixel.
    PoolingMethod method = PoolingMethod::max;
    bool operator==(const PoolingSpec&) const = default;
};

/// Fully connected; ReLU follows it except the last one, whose outputs are the logits.
struct DenseSpec {
    /// Neurons.
    int outputs = 1;
    bool batch_norm = false;  ///< instead of a bias
    bool operator==(const DenseSpec&) const = default;
};

using LayerSpec = std::variant<ConvolutionSpec, PoolingSpec, DenseSpec>;

/// A network as the papers write it: convolutions and poolings, then dense layers, the last being the
/// softmax.
struct Architecture {
    MapShape input;  ///< of an image
    /// In the order of the string.
    std::vector<LayerSpec> layers;

    /// Outputs of the last layer.
    int classes() const { return std::get<DenseSpec>(layers.back()).outputs; }
    bool operator==(const Architecture&) const = default;
};

/// An architecture string that cannot be read. what() has the text and a caret under position().
class ArchitectureError : public UsageError {
  public:
    /// Makes the message: text, place and problem.
    ArchitectureError(std::string_view text, std::size_t position, const std::string& problem);
    std::size_t position() const { return position_; }  ///< bytes from the start of the text

  private:
    std::size_t position_;
};

/// Reads an architecture:
///  - a name: one-conv, two-conv (EasyConvPooling), lenet-6-16-120, mnist-16-32-64, cnn-small, cnn-large,
///  svhn;
///  - `CxHxW:` and layers joined by `-`: `20C5` a convolution to 20 maps with 5×5 kernels, 'same' padding;
///    `20C5v` valid; `20C5p1` one zero on every side (`p1x2` above and below, before and
///    behind; `p1x2x3x4` top, left, bottom, right); `20C5x3` 5×3 kernels; then, in any order, `s2` stride,
///    `d2` dilation (`s2x1`: vertical, horizontal), `g4` four groups, `dw` depthwise; `2x128C3` two of them;
///    `P2` max pooling of 2×2 windows, `P2(average)`, `P2(random)`, `P2(ecp)` the other methods; `MP2`
///    overlapped 3×3/2 max pooling; `100FC` dense; `10Softmax` the last; `+BN` behind a convolution or FC:
///    batch normalisation;
///  - the same without `CxHxW:`, as the coarse pruning paper's Table 1 writes it: images are 3x32x32;
///  - the paper's form `1x6(C5)-16(C5)-120(C5)-84-10`: valid convolutions, `1x6` meaning 1 map in and 6 out,
///    MP2 behind each but the last; images are 32×32.
/// `input` replaces the images' shape, when it is not empty.
/// @throws ArchitectureError
Architecture parse_architecture(std::string_view text, MapShape input = {});

/// The full form, which parse_architecture reads back to an equal value.
std::string to_string(const Architecture& architecture);

/// Names and full forms of the papers' networks.
const std::vector<std::pair<std::string, std::string>>& known_architectures();

/// The convolution of a spec behind these maps; `groups` resolved.
ConvolutionShape convolution_shape(const ConvolutionSpec& spec, MapShape maps, int batch);

/// The maps behind each layer. @throws ShapeError when a layer does not fit what is before it; `failing`,
/// when given, gets its index.
std::vector<MapShape> layer_maps(const Architecture& architecture, std::size_t* failing = nullptr);

/// The same with this method in every 2×2 pooling.
Architecture with_pooling(Architecture architecture, PoolingMethod method);
/// The same with batch normalisation after every convolution and hidden dense layer (or after none).
Architecture with_batch_norm(Architecture architecture, bool batch_norm = true);
/// The same with widths of convolutions and hidden dense layers multiplied, rounded, at least 1.
/// @throws UsageError unless factor > 0.
Architecture with_width(Architecture architecture, double factor);

inline constexpr auto pooling_names =
    names<PoolingMethod>("pooling", {{"max", PoolingMethod::max},
                                     {"average", PoolingMethod::average},
                                     {"random", PoolingMethod::random},
                                     {"ecp", PoolingMethod::ecp},
                                     {"overlapped-max", PoolingMethod::overlapped_max}});
/// @throws UsageError on a name that is not one of pooling_names.
inline PoolingMethod parse_pooling_method(const std::string& name) {
    return pooling_names.parse(name);
}
inline std::string to_string(PoolingMethod method) {
    return pooling_names.print(method);
}

}  // namespace fftconv
