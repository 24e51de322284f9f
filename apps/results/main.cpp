// fftconv-results: joins result files, and makes pages of them.
#include <spdlog/fmt/fmt.h>

#include <string>
#include <vector>

#include "common/options.hpp"
#include "common/process.hpp"
#include "prune/merge.hpp"
#include "results/collect.hpp"
#include "results/compare.hpp"
#include "results/page.hpp"

int main(int argc, char** argv) {
    std::string out;
    std::vector<std::string> files, named;
    fftconv::Options options("fftconv-results",
                             "Joins and compares the result files of experiments, and makes pages of them.");
    CLI::App& app = options.app();
    app.require_subcommand(1);
    CLI::App* merge = app.add_subcommand(
        "merge",
        "Joins the files of one run of fftconv-prune that --points split over processes; refuses "
        "those of other configurations, data or baselines.");
    fftconv::OutputOptions output;
    merge->add_option("out", output.out, "result file to write")->required()->type_name("OUT");
    merge->add_option("files", files, "all the parts")->required()->type_name("PART");
    merge->add_flag("--overwrite", output.overwrite, "replace the result file if there is one");
    CLI::App* collect = app.add_subcommand(
        "collect",
        "Puts result files into one file, each as an experiment of its name (figure_2a, or "
        "figure_3b/kernels next to others of figure_3b); what the file holds already stays.");
    collect->add_option("out", out, "collection to write or add to")->required()->type_name("OUT");
    collect->add_option("files", named, "experiments and their result files")
        ->required()
        ->type_name("NAME=FILE");
    bool replace = false;
    collect->add_flag("--overwrite", replace, "replace experiments of the same names");
    bool unfinished = false;
    collect->add_flag("--unfinished", unfinished,
                      "take runs that are not finished, as far as they have come");
    std::vector<std::string> compared;
    CLI::App* compare = app.add_subcommand("compare",
                                           "Prints how misclassification rates of results or checkpoints "
                                           "differ, with intervals, where they have "
                                           "points, methods or curves of the same names.");
    compare->add_option("files", compared, "files to compare with the first")->required()->type_name("FILE");
    std::vector<std::string> shown;
    std::string html;
    bool overwrite = false;
    CLI::App* page = app.add_subcommand(
        "page",
        "Makes one self-contained HTML page of results, collections, checkpoints and masks: what ran, ours "
        "next to "
        "the papers' with verdicts, curves, times, confusion, masks, filters and every table.");
    page->add_option("files", shown, "files to show")->required()->type_name("FILE");
    page->add_option("--out", html, "page to write")->required()->type_name("PAGE.html");
    page->add_flag("--overwrite", overwrite, "replace the page if there is one");
    return options.run(argc, argv, [&] {
        if (*merge)
            fftconv::merge_pruning(output, files);
        else if (*compare)
            fmt::print("{}", fftconv::comparison_text(compared));
        else if (*page)
            fftconv::write_page(html, shown, overwrite);
        else
            fftconv::collect_results(out, named, replace, unfinished);
    });
}
