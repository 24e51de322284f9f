#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <numeric>

#include "common/page.hpp"
#include "results/page.hpp"

namespace fftconv {

namespace {

/// Pixels of a picture's width that suit a page.
constexpr int picture_width = 240;
constexpr int spectrum_size = 16;  ///< of the transform that a filter's spectrum is shown with
constexpr int most_filters = 64;

int scale_for(int width) {
    return std::clamp(picture_width / std::max(width, 1), 1, 24);
}

/// What is pruned of a layer, a pixel per kernel: rows are output maps, columns input maps.
std::vector<std::uint8_t> surviving_kernels(const LayerMask& mask, int& columns) {
    if (!mask.kernel.empty()) {
        columns = mask.in;
        std::vector<std::uint8_t> surviving = mask.kernel;
        for (std::size_t i = 0; i < surviving.size(); ++i)
            if (!mask.feature_map.empty() && mask.feature_map[i / std::size_t(columns)] == 0)
                surviving[i] = 0;
        return surviving;
    }
    columns = 1;
    return mask.feature_map;
}

/// The weights that all of a layer's masks leave.
std::vector<std::uint8_t> surviving_weights(const LayerMask& mask) {
    std::vector<std::uint8_t> surviving = mask.intra_kernel;
    const std::size_t area = std::size_t(mask.kernel_width) * mask.kernel_height;
    for (std::size_t i = 0; i < surviving.size(); ++i) {
        const std::size_t kernel = i / area, map = kernel / std::size_t(mask.in);
        if ((!mask.kernel.empty() && mask.kernel[kernel] == 0) ||
            (!mask.feature_map.empty() && mask.feature_map[map] == 0))
            surviving[i] = 0;
    }
    return surviving;
}

/// Rows of kernels, each with the k × k weights that survive.
page::Image intra_kernel_image(const LayerMask& mask, const std::vector<std::uint8_t>& surviving) {
    const int kw = mask.kernel_width, kh = mask.kernel_height;
    page::Image image(mask.in * (kw + 1) - 1, mask.out * (kh + 1) - 1);
    for (std::size_t i = 0; i < surviving.size(); ++i) {
        if (!surviving[i]) continue;
        const int x = int(i) % kw, y = int(i) / kw % kh, in = int(i) / (kw * kh) % mask.in,
                  out = int(i) / (kw * kh * mask.in);
        image.set(in * (kw + 1) + x, out * (kh + 1) + y, 42, 130, 200, 255);
    }
    return image;
}

std::string mask_picture(const LayerMask& mask) {
    if (!mask.intra_kernel.empty()) {
        const std::vector<std::uint8_t> weights = surviving_weights(mask);
        const page::Image image = intra_kernel_image(mask, weights);
        const auto surviving = std::accumulate(weights.begin(), weights.end(), std::size_t{0});
        return page::picture(
            image, scale_for(image.width),
            fmt::format("{}: {} of {} weights survive ({:.1f} % pruned); rows are maps out, columns maps in",
                        mask.layer, surviving, mask.intra_kernel.size(),
                        100 - 100.0 * double(surviving) / double(mask.intra_kernel.size())));
    }
    int columns = 0;
    const std::vector<std::uint8_t> surviving = surviving_kernels(mask, columns);
    if (surviving.empty() || columns == 0) return "";
    page::Image image(columns, int(surviving.size()) / columns);
    for (std::size_t i = 0; i < surviving.size(); ++i)
        if (surviving[i]) image.set(int(i) % columns, int(i) / columns, 42, 130, 200, 255);
    const auto count = std::accumulate(surviving.begin(), surviving.end(), std::size_t{0});
    return page::picture(
        image, scale_for(columns),
        fmt::format("{}: {} of {} {} survive ({:.1f} % pruned); rows are maps out{}", mask.layer, count,
                    surviving.size(), columns == 1 ? "feature maps" : "kernels",
                    100 - 100.0 * double(count) / double(surviving.size()),
                    columns == 1 ? "" : ", columns maps in"));
}

/// The weights (O, C, kh, kw) of the first convolution.
const NamedArray* first_filters(const Checkpoint& checkpoint) {
    for (const NamedArray& array : checkpoint.model)
        if (array.shape.size() == 4) return &array;
    return nullptr;
}

/// Tiles in a grid, a pixel between them; value(filter, x, y) is −1 to 1.
template <class Value>
page::Image grid(int tiles, int width, int height, const Value& value) {
    const int columns = std::min(tiles, std::max(4, int(std::ceil(std::sqrt(double(tiles))))));
    const int rows = (tiles + columns - 1) / columns;
    page::Image image(columns * (width + 1) - 1, rows * (height + 1) - 1);
    for (int t = 0; t < tiles; ++t)
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x) {
                const double v = value(t, x, y);
                const auto alpha = std::uint8_t(std::lround(255 * std::min(std::abs(v), 1.0)));
                const int px = t % columns * (width + 1) + x, py = t / columns * (height + 1) + y;
                if (v < 0)
                    image.set(px, py, 213, 94, 0, alpha);
                else
                    image.set(px, py, 42, 130, 200, alpha);
            }
    return image;
}

/// |Σ w(u, v) exp(−2πi (f u + g v) / T)|, frequency 0 in the middle.
double magnitude(const float* filter, int height, int width, int f, int g) {
    constexpr int middle = spectrum_size / 2;
    std::complex<double> sum = 0;
    for (int u = 0; u < height; ++u)
        for (int v = 0; v < width; ++v)
            sum += double(filter[u * width + v]) *
                   std::polar(1.0,
                              -2 * std::numbers::pi * ((f - middle) * u + (g - middle) * v) / spectrum_size);
    return std::abs(sum);
}

std::string filter_pictures(const Checkpoint& checkpoint) {
    const NamedArray* filters = first_filters(checkpoint);
    if (!filters || filters->values.empty()) return "";
    const int height = filters->shape[2], width = filters->shape[3],
              kernels = filters->shape[0] * filters->shape[1];
    const int shown = std::min(kernels, most_filters);
    const std::size_t area = std::size_t(height) * width;
    double largest = 1e-30, peak = 1e-30;
    for (float weight : filters->values) largest = std::max(largest, double(std::abs(weight)));
    std::vector<double> spectra(std::size_t(shown) * spectrum_size * spectrum_size);
    for (std::size_t i = 0; i < spectra.size(); ++i) {
        const int place = int(i) % (spectrum_size * spectrum_size);
        spectra[i] = magnitude(filters->values.data() + i / (spectrum_size * spectrum_size) * area, height,
                               width, place / spectrum_size, place % spectrum_size);
        peak = std::max(peak, spectra[i]);
    }
    const page::Image weights = grid(shown, width, height, [&](int t, int x, int y) {
        return filters->values[std::size_t(t) * area + std::size_t(y) * width + x] / largest;
    });
    const page::Image spectrum = grid(shown, spectrum_size, spectrum_size, [&](int t, int x, int y) {
        return spectra[(std::size_t(t) * spectrum_size + y) * spectrum_size + x] / peak;
    });
    const std::string some = shown < kernels ? fmt::format(", the first {} of {}", shown, kernels) : "";
    return "<div class=pictures>" +
           page::picture(
               weights, std::max(2, 320 / weights.width),
               fmt::format("{}: {} kernels of {} × {}{}; blue above, orange below zero, full colour ±{:.3g}",
                           filters->name, kernels, height, width, some, largest)) +
           page::picture(
               spectrum, std::max(2, 320 / spectrum.width),
               fmt::format("their spectra: magnitude of the {0} × {0} transform, frequency 0 in the middle, "
                           "full colour {1:.3g}",
                           spectrum_size, peak)) +
           "</div>\n";
}

}  // namespace

std::string masks_section(const std::vector<PageSource>& sources) {
    std::string html;
    for (const PageSource& source : sources)
        for (const LayerMask& mask : source.masks) html += mask_picture(mask);
    return html.empty() ? "" : "<div class=pictures>" + html + "</div>\n";
}

std::string filters_section(const std::vector<PageSource>& sources) {
    std::string html;
    for (const PageSource& source : sources)
        if (source.checkpoint) html += filter_pictures(*source.checkpoint);
    return html;
}

}  // namespace fftconv
