// fftconv-results: joins result files, and makes pages of them.
#include <string>
#include <vector>

#include "common/options.hpp"
#include "prune/merge.hpp"
#include "results/collect.hpp"
#include "results/page.hpp"

int main(int argc, char** argv) {
    std::string out;
    std::vector<std::string> files, named;
    fftconv::Options options("fftconv-results",
                             "Joins the result files of experiments, and makes pages of them.");
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
            fftconv::merge_pruning(out, files);
        else if (*page)
            fftconv::write_page(html, shown, overwrite);
        else
            fftconv::collect_results(out, named);
    });
}
