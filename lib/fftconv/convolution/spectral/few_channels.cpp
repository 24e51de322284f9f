#include "fftconv/convolution/spectral/few_channels.hpp"

#include "fftconv/convolution/simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fftconv/convolution/spectral/few_channels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fftconv {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using few_channels::Output;

/// One complex bin of `Outputs` outputs, one vector of lanes: four multiply-adds for each kernel.
template <int Outputs, class D>
HWY_INLINE void complex_bin(D d, const int* channels, int count, const float* const* w, const float* z,
                            const SpectrumLayout& input, float* y, const SpectrumLayout& output) {
    using V = hn::Vec<D>;
    V re[Outputs], im[Outputs];
    for (int o = 0; o < Outputs; ++o) re[o] = im[o] = hn::Zero(d);
    for (int k = 0; k < count; ++k) {
        const float* at = z + std::size_t(channels[k]) * input.lanes;
        const V z_re = hn::LoadU(d, at), z_im = hn::LoadU(d, at + input.plane);
        for (int o = 0; o < Outputs; ++o) {
            const V w_re = hn::Set(d, w[o][k]), w_im = hn::Set(d, w[o][count + k]);
            re[o] = hn::MulAdd(w_re, z_re, re[o]);
            im[o] = hn::MulAdd(w_re, z_im, im[o]);
            re[o] = hn::MulAdd(w_im, z_im, re[o]);
            im[o] = hn::NegMulAdd(w_im, z_re, im[o]);
        }
    }
    for (int o = 0; o < Outputs; ++o) {
        hn::StoreU(re[o], d, y + std::size_t(o) * output.lanes);
        hn::StoreU(im[o], d, y + output.plane + std::size_t(o) * output.lanes);
    }
}

template <int Outputs, class D>
HWY_INLINE void real_bin(D d, const int* channels, int count, const float* const* w, const float* bias,
                         const float* z, const SpectrumLayout& input, float* y,
                         const SpectrumLayout& output) {
    using V = hn::Vec<D>;
    V re[Outputs];
    for (int o = 0; o < Outputs; ++o) re[o] = hn::Zero(d);
    for (int k = 0; k < count; ++k) {
        const V z_re = hn::LoadU(d, z + std::size_t(channels[k]) * input.lanes);
        for (int o = 0; o < Outputs; ++o) re[o] = hn::MulAdd(hn::Set(d, w[o][k]), z_re, re[o]);
    }
    for (int o = 0; o < Outputs; ++o)
        hn::StoreU(hn::Add(re[o], hn::Set(d, bias[o])), d, y + std::size_t(o) * output.lanes);
}

template <int Outputs, class D>
void sum_outputs(D d, const Output* const* outputs, const float* z, const SpectrumLayout& input, float* y,
                 const SpectrumLayout& output) {
    const BinOrder& order = input.order;
    const int* channels = outputs[0]->channels;
    const int count = outputs[0]->count, n = int(hn::Lanes(d));
    const float* w[Outputs];
    for (int o = 0; o < Outputs; ++o) w[o] = outputs[o]->weights;
    for (int bin = 0; bin < order.complex_bins; ++bin) {
        for (int lane = 0; lane < input.lanes; lane += n)
            complex_bin<Outputs>(d, channels, count, w, z + input.bin(bin) + lane, input,
                                 y + output.bin(bin) + lane, output);
        for (int o = 0; o < Outputs; ++o) w[o] += 2 * count;
    }
    for (int bin = order.complex_bins; bin < order.bins(); ++bin) {
        float bias[Outputs];  // the mean of a tile is its frequency zero
        for (int o = 0; o < Outputs; ++o) bias[o] = bin == order.complex_bins ? outputs[o]->bias : 0.0f;
        for (int lane = 0; lane < input.lanes; lane += n)
            real_bin<Outputs>(d, channels, count, w, bias, z + input.bin(bin) + lane, input,
                              y + output.bin(bin) + lane, output);
        for (int o = 0; o < Outputs; ++o) w[o] += count;
    }
}

void Sum(const Output& first, const Output* second, const float* z, const SpectrumLayout& input, float* y,
         const SpectrumLayout& output) {
    const Output* const outputs[] = {&first, second};
    const auto of_lanes = [&](auto d) HWY_ATTR {
        if (second)
            sum_outputs<2>(d, outputs, z, input, y, output);
        else
            sum_outputs<1>(d, outputs, z, input, y, output);
    };
    const hn::CappedTag<float, 16> wide;
    if (input.lanes % int(hn::Lanes(wide)) == 0)
        of_lanes(wide);
    else
        of_lanes(hn::CappedTag<float, 8>());
}

}  // namespace HWY_NAMESPACE
}  // namespace fftconv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fftconv::few_channels {

HWY_EXPORT(Sum);

void sum(const Output& first, const Output* second, const float* z, const SpectrumLayout& input, float* y,
         const SpectrumLayout& output) {
    HWY_DYNAMIC_DISPATCH(Sum)(first, second, z, input, y, output);
}

}  // namespace fftconv::few_channels
#endif
