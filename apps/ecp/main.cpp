// fftconv-ecp: the experiments of the EasyConvPooling paper (Tables 3 to 6, Figures 5 to 10).
#include "common/team.hpp"
#include "ecp/options.hpp"
#include "ecp/run.hpp"

int main(int argc, char** argv) {
    fftconv::EcpOptions ecp;
    fftconv::Options options(
        "fftconv-ecp",
        "Trains networks with max, average and random pooling and with easy convolution "
        "pooling (ECP), and prints the paper's Tables 3 to 6 and draws its Figures 5 to 10 "
        "with ours next to the paper's numbers.");
    fftconv::add_ecp_options(options, ecp);
    options.allow_team();
    return options.run(argc, argv, [&] {
        options.require_alone("report", {"figures", "threads"});
        if (ecp.report.empty()) {
            fftconv::run_ecp(ecp, options);
        } else if (fftconv::team().first()) {
            fftconv::report_ecp(ecp.report, ecp.figures_folder());
        }
    });
}
