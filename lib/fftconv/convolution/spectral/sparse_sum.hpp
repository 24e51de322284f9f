#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fftconv {

/// The sum over the surviving kernels of a pruned layer in one bin, y = Σ w̄·z (forward) or Σ w·z (backward),
/// and the weight gradient of these kernels. Spectra stand in slots of lanes (see SpectrumLayout). Every
/// function runs the best SIMD target of the machine, and adds in an order that depends on the arguments
/// alone.
namespace sparse_sum {

/// Lanes of a slot on this machine: two vectors, and at least 16.
int slot_lanes();

inline constexpr int panel_rows = 4;

/// The kernels that survive, row by row: row r sums the entries begin[r] .. begin[r+1]−1; entry e has input
/// channel channel[e]. Weights stand in list order, [entry]; but where the four rows of a panel, 4g .. 4g+3,
/// have the same channels and `shared[g]` says so, in panels, [entry of a row][row]. Where the list is
/// `placed` entry e has its weight at position[e] instead, and no panel is shared.
struct KernelList {
    std::vector<int> begin, channel, position;
    std::vector<std::uint8_t> shared;
    bool placed = false;  ///< said apart: a list of no kernels has no positions either

    int rows() const { return int(begin.size()) - 1; }
    bool empty(int row) const { return begin[row] == begin[row + 1]; }
    /// Where entry e, of row `row`, has its weight.
    std::size_t weight_at(int row, int e) const;
    /// Kernels of the panels that are shared.
    std::size_t shared_kernels() const;
};

/// Marks the panels whose four rows have the same channels, at least one: a kernel group each.
void find_shared_panels(KernelList& list);

/// One bin's operands: slots in, slots out, and the inputs that come next, to be fetched into the
/// second-level cache (null: none).
struct Slots {
    const float* in;
    float* out;
    std::size_t in_stride, out_stride;  ///< floats of a slot
    int slot, lanes;                    ///< lanes of a slot, and of all
    const float* next;                  ///< the first slot of this thread's next bin
};

/// Floats of scratch that `sum` needs.
std::size_t scratch_floats(const KernelList& list);

/// The kernels of a list and no others. weights_im is null in a real bin. `conjugated`: w̄ for w. Returns how
/// many kernels it visited.
std::size_t sum(bool conjugated, const KernelList& list, const float* weights_re, const float* weights_im,
                const Slots& slots, float* scratch);

/// q[e] += Σ_lanes d̄[r]·z[channel[e]] for the entries of the list. in: z; out: d, which is only read; next:
/// of z. q_im is null in a real bin. Returns how many kernels it visited.
std::size_t gradient(const KernelList& list, const Slots& slots, float* q_re, float* q_im);

}  // namespace sparse_sum
}  // namespace fftconv
