#include "fftconv/convolution/spectral/kernel_order.hpp"

#include "fftconv/core/tensor.hpp"

namespace fftconv {
namespace {

using frequency_sum::padded_rows, frequency_sum::panel_rows;

/// Channels of a group, on both sides, from which on the dense sum is the faster one.
constexpr int dense_channels = 17;

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

/// The list by output, by input channel.
void list_by_channel(KernelOrder& order, int channels) {
    const sparse_sum::KernelList& from = order.by_output;
    sparse_sum::KernelList& to = order.by_channel;
    std::vector<std::vector<int>> of_channel(channels), positions(channels);
    to.placed = from.placed;
    for (int o = 0; o < from.rows(); ++o)
        for (int e = from.begin[o]; e < from.begin[o + 1]; ++e) {
            of_channel[from.channel[e]].push_back(o);
            if (from.placed) positions[from.channel[e]].push_back(from.position[e]);
        }
    to.begin.push_back(0);
    for (int v = 0; v < channels; ++v) {
        to.channel.insert(to.channel.end(), of_channel[v].begin(), of_channel[v].end());
        to.position.insert(to.position.end(), positions[v].begin(), positions[v].end());
        to.begin.push_back(int(to.channel.size()));
        if (!of_channel[v].empty()) order.used_channels.push_back(v);
    }
}

/// The kernels in the order in which the sparse sum reads their weights; `panels`: as it is for shared ones.
KernelStore in_order(const sparse_sum::KernelList& list, bool rows_are_outputs, bool panels,
                     const BinOrder& bins) {
    KernelStore store;
    const auto add = [&](int row, int channel) {
        store.positions.push_back(rows_are_outputs ? KernelPosition{row, channel}
                                                   : KernelPosition{channel, row});
    };
    for (int row = 0; row < list.rows();) {
        const bool shared = panels && list.shared[row / panel_rows];
        for (int e = list.begin[row]; e < list.begin[row + 1]; ++e)
            for (int r = 0; r < (shared ? panel_rows : 1); ++r) add(row + r, list.channel[e]);
        row += shared ? panel_rows : 1;
    }
    lay_out(store, bins);
    return store;
}

/// Every kernel, surviving or not, (output, phase channel of its group).
KernelStore all_entries(const PhaseKernels& kernels, const BinOrder& bins) {
    const int own = kernels.group_channels();
    KernelStore store;
    for (int o = 0; o < kernels.out_channels; ++o)
        for (int v = 0; v < own; ++v) store.positions.push_back({o, kernels.group_of(o) * own + v});
    lay_out(store, bins);
    return store;
}

/// The surviving kernels by output; with `keep_pruned`, where each stands among all_entries.
sparse_sum::KernelList list_by_output(const PhaseKernels& kernels, const std::vector<std::uint8_t>& mask,
                                      bool keep_pruned) {
    const int own = kernels.group_channels();
    sparse_sum::KernelList list;
    list.placed = keep_pruned;
    list.begin.push_back(0);
    for (int o = 0; o < kernels.out_channels; ++o) {
        for (int v = 0; v < own; ++v) {
            const int channel = kernels.group_of(o) * own + v;
            if (!mask.empty() && !mask[kernels.kernel_of(o, channel)]) continue;
            list.channel.push_back(channel);
            if (keep_pruned) list.position.push_back(o * own + v);
        }
        list.begin.push_back(int(list.channel.size()));
    }
    return list;
}

}  // namespace

KernelOrder make_kernel_order(const PhaseKernels& kernels, const BinOrder& bins,
                              const std::vector<std::uint8_t>& mask, bool keep_pruned,
                              const KernelStore* entries) {
    const int own = kernels.group_channels();
    KernelOrder order;
    // Few channels on either side share what the dense sum packs; a sparse sum packs nothing, and has panels
    // too.
    order.dense =
        mask.empty() && !keep_pruned && kernels.group_outputs() >= dense_channels && own >= dense_channels;
    if (order.dense) {
        order.panels_by_output = panels(kernels, true, bins);
        order.panels_by_channel = panels(kernels, false, bins);
        order.gradient = dense_gradient(kernels, bins);
        for (int v = 0; v < kernels.channels(); ++v) order.used_channels.push_back(v);
        return order;
    }
    order.by_output = list_by_output(kernels, mask, keep_pruned);
    for (int v : order.by_output.channel) order.own_channel.push_back(v % own);
    list_by_channel(order, kernels.channels());
    if (!keep_pruned) {
        sparse_sum::find_shared_panels(order.by_output);
        sparse_sum::find_shared_panels(order.by_channel);
    }
    order.gradient = in_order(order.by_output, true, false, bins);
    if (!keep_pruned) {
        order.entries_by_output = in_order(order.by_output, true, true, bins);
        order.entries_by_channel = in_order(order.by_channel, false, true, bins);
    } else if (!entries) {
        order.entries_by_output = all_entries(kernels, bins);
    }
    return order;
}

std::size_t KernelOrder::bytes() const {
    std::size_t floats = 0;
    for (const KernelStore* held :
         {&panels_by_output, &panels_by_channel, &entries_by_output, &entries_by_channel, &gradient})
        floats += held->spectra.size();
    return floats * sizeof(float);
}

void KernelOrder::invalidate() {
    for (KernelStore* held : {&panels_by_output, &panels_by_channel, &entries_by_output, &entries_by_channel})
        held->valid = false;
    output_weights.valid = false;
}

}  // namespace fftconv
