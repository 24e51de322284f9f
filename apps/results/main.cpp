// fftconv-results: joins result files.
#include <string>
#include <vector>

#include "common/options.hpp"
#include "prune/merge.hpp"
#include "results/collect.hpp"

int main(int argc, char** argv) {
    std::string out;
    std::vector<std::string> files, named;
    fftconv::Options options("fftconv-results", "Joins the result files of experiments.");
    CLI::App& app = options.app();
    app.require_subcommand(1);
    CLI::App* merge = app.add_subcommand(
        "merge",
        "Joins the files of one run of fftconv-prune that --points split over processes; refuses "
        "those of other configurations, data or baselines.");
    merge->add_option("out", out, "result file to write")->required()->type_name("OUT");
    merge->add_option("files", files, "the parts")->required()->type_name("PART");
    CLI::App* collect = app.add_subcommand(
        "collect",
        "Puts result files into one file, each as an experiment of its name (figure_2a, or "
        "figure_3b/kernels beside others of figure_3b); what the file holds already stays.");
    collect->add_option("out", out, "collection to write or add to")->required()->type_name("OUT");
    collect->add_option("files", named, "experiments and their result files")
        ->required()
        ->type_name("NAME=FILE");
    return options.run(argc, argv, [&] {
        if (*merge)
            fftconv::merge_pruning(out, files);
        else
            fftconv::collect_results(out, named);
    });
}
