#include "ecp/published.hpp"

#include <algorithm>
#include <array>

namespace fftconv::paper {

namespace {

constexpr std::array rows{
    // Table 4 (two-conv; Max, Average and ECP k=0 also in Tables 3, 5 and 6)
    EasyConvPoolingRow{"two-conv", "max", 3, 299650.15, 23814.87, 99.17},
    EasyConvPoolingRow{"two-conv", "average", 5, 352544.96, 21426.24, 98.69},
    EasyConvPoolingRow{"two-conv", "random-0", 4, 280866.26, 20691.98, 98.65},
    EasyConvPoolingRow{"two-conv", "random-1", 4, 281443.49, 20689.19, 98.78},
    EasyConvPoolingRow{"two-conv", "random-2", 5, 277848.33, 20422.44, 98.77},
    EasyConvPoolingRow{"two-conv", "random-3", 4, 282693.13, 20577.25, 98.78},
    EasyConvPoolingRow{"two-conv", "ecp-0", 4, 243077.47, 13084.98, 98.81},
    EasyConvPoolingRow{"two-conv", "ecp-1", 5, 243607.47, 13403.70, 98.67},
    EasyConvPoolingRow{"two-conv", "ecp-2", 5, 240106.84, 13271.43, 98.65},
    EasyConvPoolingRow{"two-conv", "ecp-3", 5, 243466.94, 13303.02, 98.77},
    // Tables 5 and 6 (one-conv)
    EasyConvPoolingRow{"one-conv", "max", 8, 215387.59, 12500.73, 98.37},
    EasyConvPoolingRow{"one-conv", "average", 12, 303580.05, 18579.89, 98.29},
    EasyConvPoolingRow{"one-conv", "ecp-0", 5, 207065.46, 11520.13, 98.69},
};

}  // namespace

std::span<const EasyConvPoolingRow> easy_conv_pooling() {
    return rows;
}

std::optional<EasyConvPoolingRow> easy_conv_pooling(std::string_view network, std::string_view method) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const EasyConvPoolingRow& row) {
        return row.network == network && row.method == method;
    });
    if (found == rows.end()) return std::nullopt;
    return *found;
}

}  // namespace fftconv::paper
