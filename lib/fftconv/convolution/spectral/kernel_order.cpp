#include "fftconv/convolution/spectral/kernel_order.hpp"

#include "fftconv/core/tensor.hpp"

namespace fftconv {
namespace {

using frequency_sum::padded_rows, frequency_sum::panel_rows;

void lay_out(KernelStore& store, const BinOrder& bins) {
    store.positions.resize(KernelTransform::padded(store.positions.size()));
    store.layout.emplace(bins, 1, int(store.positions.size()));
}

/// [group][row / 4][depth][row % 4], rows and depth being those of a group.
KernelStore panels(const PhaseKernels& kernels, bool rows_are_outputs, const BinOrder& bins) {
    const int outputs = kernels.group_outputs(), channels = kernels.group_channels();
    const int rows = rows_are_outputs ? outputs : channels, depth = rows_are_outputs ? channels : outputs;
    const std::size_t of_group = std::size_t(padded_rows(rows)) * depth;
    KernelStore store;
    store.positions.resize(kernels.groups * of_group);
    for (int g = 0; g < kernels.groups; ++g)
        for (int r = 0; r < rows; ++r)
            for (int k = 0; k < depth; ++k)
                store.positions[g * of_group + (std::size_t(r / panel_rows) * depth + k) * panel_rows +
                                r % panel_rows] = {g * outputs + (rows_are_outputs ? r : k),
                                                   g * channels + (rows_are_outputs ? k : r)};
    lay_out(store, bins);
    return store;
}

/// Every kernel: (output, phase channels of its group, padded as lanes are).
KernelStore dense_gradient(const PhaseKernels& kernels, const BinOrder& bins) {
    const int channels = kernels.group_channels(), padded_channels = padded_batch(channels);
    KernelStore store;
    store.positions.resize(std::size_t(kernels.out_channels) * padded_channels);
    for (int o = 0; o < kernels.out_channels; ++o)
        for (int v = 0; v < channels; ++v)
            store.positions[std::size_t(o) * padded_channels + v] = {o, kernels.group_of(o) * channels + v};
    lay_out(store, bins);
    return store;
}

/// The positions of a list by output, by input channel.
void list_by_channel(KernelOrder& order, int channels) {
    std::vector<std::vector<std::pair<int, int>>> of_channel(channels);  // position, output
    for (int o = 0; o < order.by_output.rows(); ++o)
        for (int e = order.by_output.begin[o]; e < order.by_output.begin[o + 1]; ++e)
            of_channel[order.by_output.channel[e]].push_back({order.by_output.position[e], o});
    order.by_channel.begin.push_back(0);
    for (int v = 0; v < channels; ++v) {
        for (const auto& [position, output] : of_channel[v]) {
            order.by_channel.position.push_back(position);
            order.by_channel.channel.push_back(output);
        }
        order.by_channel.begin.push_back(int(order.by_channel.channel.size()));
        if (!of_channel[v].empty()) order.used_channels.push_back(v);
    }
}

}  // namespace

KernelOrder make_kernel_order(const PhaseKernels& kernels, const BinOrder& bins,
                              const std::vector<std::uint8_t>& mask, bool keep_pruned,
                              const KernelStore* entries) {
    const int own = kernels.group_channels();
    KernelOrder order;
    // Few channels on either side leave panels half empty; then lists do as well.
    order.dense = mask.empty() && !keep_pruned && kernels.group_outputs() >= 8 && own >= 8;
    if (order.dense) {
        order.panels_by_output = panels(kernels, true, bins);
        order.panels_by_channel = panels(kernels, false, bins);
        order.gradient = dense_gradient(kernels, bins);
        for (int v = 0; v < kernels.channels(); ++v) order.used_channels.push_back(v);
        return order;
    }
    std::vector<KernelPosition> positions;
    order.by_output.begin.push_back(0);
    for (int o = 0; o < kernels.out_channels; ++o) {
        for (int v = kernels.group_of(o) * own; v < (kernels.group_of(o) + 1) * own; ++v) {
            const bool kept = mask.empty() || mask[kernels.kernel_of(o, v)];
            if (kept) {
                order.by_output.position.push_back(int(positions.size()));
                order.by_output.channel.push_back(v);
                order.own_channel.push_back(v % own);
            }
            if (kept || keep_pruned) positions.push_back({o, v});
        }
        order.by_output.begin.push_back(int(order.by_output.channel.size()));
    }
    list_by_channel(order, kernels.channels());
    order.gradient.positions = positions;
    lay_out(order.gradient, bins);
    if (entries) return order;
    order.entries.positions = std::move(positions);
    lay_out(order.entries, bins);
    return order;
}

}  // namespace fftconv
