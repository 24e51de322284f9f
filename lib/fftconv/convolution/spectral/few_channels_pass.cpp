// Forward of a layer with few input channels.
#include "fftconv/convolution/spectral/few_channels.hpp"
#include "fftconv/convolution/spectral/passes.hpp"
#include "fftconv/core/threads.hpp"

namespace fftconv {
namespace {

/// The planes of a group's channels, (bin, part, channel, lane), to their place in a block's.
void copy_spectra(const float* from, const SpectrumLayout& group, float* to, const SpectrumLayout& block) {
    for (int bin = 0; bin < group.order.bins(); ++bin)
        for (int part = 0; part < (bin < group.order.complex_bins ? 2 : 1); ++part)
            for (int c = 0; c < group.channels; ++c)
                std::copy_n(from + group.bin(bin) + part * group.plane + group.at(c, 0), group.lanes,
                            to + block.bin(bin) + part * block.plane + block.at(c, 0));
}

}  // namespace

bool SpectralLayer::few_channels(const Blocks& blocks) const {
    const int own = geometry.kernels.group_channels();
    return !order.dense && own < few_channels::dense_channels && shape.out_channels >= 2 &&
           few_channels::fit(own, {transform.height(), transform.width()}, blocks.groups.lanes, shape.groups);
}

void SpectralLayer::start_few_channels(const Blocks& blocks) {
    start_workers(0);
    OutputWeights& output_weights = order.output_weights;
    const SpectrumLayout input = planes(geometry.kernels.group_channels(), blocks.groups.lanes),
                         output = planes(2, blocks.groups.lanes);
    for (Worker& worker : workers) {
        worker.input.resize(input.size());
        worker.output.resize(output.size());
    }
    if (blocks.kept) input_spectra.resize(layout(channels(), blocks.lanes()).size());
    if (output_weights.valid) return;
    output_weights.begin.assign(1, 0);
    for (int o = 0; o < shape.out_channels; ++o)
        output_weights.begin.push_back(
            output_weights.begin.back() +
            few_channels::weight_floats(input.order,
                                        order.by_output.begin[o + 1] - order.by_output.begin[o]));
    output_weights.values.resize(output_weights.begin.back());
}

void SpectralLayer::pack_outputs() {
    OutputWeights& output_weights = order.output_weights;
    const KernelStore& entries = order.entries_by_output;
    const sparse_sum::KernelList& by_output = order.by_output;
    if (output_weights.valid) return;
    const SpectrumLayout& from = *entries.layout;
    parallel_for(options.threads, shape.out_channels, [&](int o) {
        float* to = output_weights.values.data() + output_weights.begin[o];
        for (int bin = 0; bin < from.order.bins(); ++bin)
            for (int part = 0; part < (bin < from.order.complex_bins ? 2 : 1); ++part)
                for (int e = by_output.begin[o]; e < by_output.begin[o + 1]; ++e)
                    *to++ = entries.spectra[from.bin(bin) + part * from.plane + by_output.weight_at(o, e)];
    });
    output_weights.valid = true;
}

void SpectralLayer::forward_group(Worker& worker, const ConstMapsView& x, const MapsView& y,
                                  const LaneGroups& groups, int group, int first, int last,
                                  std::span<const float> bias, const Epilogue& epilogue, const Block* kept) {
    const PhaseKernels& k = geometry.kernels;
    const sparse_sum::KernelList& by_output = order.by_output;
    const PerAxis size(transform.height(), transform.width());
    const int own = k.group_channels(), first_channel = first < last ? k.group_of(first) * own : 0;
    const SpectrumLayout input = planes(own, groups.lanes), output = planes(2, groups.lanes);
    PhaseTimer timer(worker);
    for (int c = 0; c < own; ++c) {
        const int channel = first_channel + c;
        if (without_kernels(Toward::input, channel)) continue;
        gather(map_of(x, k.channel_of(channel)), groups, group, size, input_pixels(k.phase_of(channel)),
               worker.tile.data(), worker.rows, worker.lines.data());
        timer.lap(gather_phase);
        transform.forward(worker.tile.data(), worker.rows, groups.lanes, worker.input.data() + input.at(c, 0),
                          input, worker.scratch.data());
        timer.lap(fft_phase);
    }
    if (kept)
        copy_spectra(worker.input.data(), input,
                     input_of(*kept) + kept->input.at(first_channel, group * groups.lanes), kept->input);
    const auto of = [&](int o) {
        const int begin = by_output.begin[o];
        return few_channels::Output{order.own_channel.data() + begin, by_output.begin[o + 1] - begin,
                                    order.output_weights.values.data() + order.output_weights.begin[o],
                                    bias.empty() ? 0.0f : bias[o]};
    };
    tile_io::list_rows(transform.height(), groups, group, output_pixels(), worker.output_rows);
    const auto write = [&](int o, int place, bool constant) {
        if (constant)
            std::fill(worker.tile.begin(), worker.tile.end(), of(o).bias);
        else
            transform.inverse(worker.output.data() + output.at(place, 0), output, groups.lanes,
                              worker.output_rows, worker.tile.data(), worker.scratch.data());
        timer.lap(inverse_phase);
        put_output(worker, groups, group, o, y, epilogue);
        timer.restart();
    };
    for (int o = first; o < last;) {
        const few_channels::Output one = of(o), other = of(std::min(o + 1, last - 1));
        const bool pair =
            o + 1 < last && one.count > 0 &&
            std::equal(one.channels, one.channels + one.count, other.channels, other.channels + other.count);
        if (one.count > 0)
            few_channels::sum(one, pair ? &other : nullptr, worker.input.data(), input, worker.output.data(),
                              output);
        timer.lap(sum_phase);
        for (int place = 0; place < (pair ? 2 : 1); ++place) write(o++, place, one.count == 0);
    }
}

}  // namespace fftconv
