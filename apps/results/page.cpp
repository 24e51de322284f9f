#include "results/page.hpp"

#include <spdlog/fmt/fmt.h>

#include <span>
#include <utility>

#include "common/page.hpp"
#include "common/process.hpp"
#include "fftconv/core/atomic_file.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/storage/masks.hpp"

namespace fftconv {

namespace {

template <class Values>
const Values* values_of(const Table& table, const std::string& name) {
    for (const Column& column : table.columns)
        if (column.name == name) return std::get_if<Values>(&column.values);
    return nullptr;
}

PageSource checkpoint_source(const std::string& file, const FileHeader& header) {
    PageSource source{file, "", header, {}, {}, {}, {}, read_checkpoint(file), {}, {}};
    const Checkpoint& checkpoint = *source.checkpoint;
    source.dataset = checkpoint.dataset;
    source.toml = checkpoint.resolved_toml;
    source.curves = checkpoint.curves;
    source.masks = checkpoint.masks;
    source.remark = fmt::format("{} after {} epochs", checkpoint.architecture, checkpoint.state.epoch);
    return source;
}

std::string which(const MaskSearch& search) {
    std::string text =
        fmt::format("{}, {}, {:g} % requested", search.criterion, search.granularity, 100 * search.ratio);
    if (search.seed.empty()) return text;
    const std::size_t chosen = std::size_t(search.selected);
    return text + fmt::format("; candidate {} of {} (seed {}), validation MCR {:.2f} %", search.selected,
                              search.seed.size(), search.seed[chosen], search.validation_mcr[chosen]);
}

/// The candidates of a search as a table.
Table candidates_table(const MaskSearch& search) {
    std::vector<double> index;
    std::vector<std::string> seed;  // a double would round it
    for (std::size_t i = 0; i < search.seed.size(); ++i) {
        index.push_back(double(i));
        seed.push_back(std::to_string(search.seed[i]));
    }
    return {"candidates",
            "Candidates of the search",
            {{"candidate", "1", index},
             {"seed", "", seed},
             {"validation_mcr", "percent", search.validation_mcr}}};
}

PageSource mask_source(const std::string& file, const FileHeader& header) {
    const MaskRecord record = read_masks(file);
    PageSource source{file, "", header, record.dataset, record.resolved_toml, {}, {}, {}, record.masks, {}};
    source.remark = which(record.search);
    if (!record.search.seed.empty()) source.tables.push_back(candidates_table(record.search));
    return source;
}

struct Section {
    const char *id, *title;
    std::string (*html)(const std::vector<PageSource>&);
};
const Section all_sections[] = {{"runs", "What ran", runs_section},
                                {"paper", "Ours next to the paper's", paper_section},
                                {"curves", "Curves", curves_section},
                                {"tradeoff", "MCR against time", tradeoff_section},
                                {"times", "Where the time goes", times_section},
                                {"confusion", "Confusion", confusion_section},
                                {"masks", "What is pruned", masks_section},
                                {"filters", "Filters of the first layer", filters_section},
                                {"tables", "Tables", tables_section}};

}  // namespace

const std::vector<double>* numbers(const Table& table, const std::string& name) {
    return values_of<std::vector<double>>(table, name);
}

const std::vector<std::string>* labels(const Table& table, const std::string& name) {
    return values_of<std::vector<std::string>>(table, name);
}

const Table* PageSource::table(const std::string& wanted) const {
    for (const Table& each : tables)
        if (each.name == wanted) return &each;
    return nullptr;
}

std::vector<PageSource> page_sources(const std::filesystem::path& path) {
    const FileHeader header = read_file_header(path);
    if (header.kind == "checkpoint") return {checkpoint_source(path.string(), header)};
    if (header.kind == "mask") return {mask_source(path.string(), header)};
    std::vector<PageSource> sources;
    for (Experiment& each : read_experiments(path))
        sources.push_back({path.string(),
                           each.name,
                           each.header,
                           each.record.dataset,
                           each.record.resolved_toml,
                           std::move(each.record.curves),
                           std::move(each.record.tables),
                           {},
                           {},
                           {}});
    return sources;
}

std::string results_page(const std::vector<std::string>& files) {
    std::vector<std::pair<std::string, std::string>> contents;
    std::string body;
    for (std::size_t f = 0; f < files.size(); ++f) {
        const std::vector<PageSource> sources = page_sources(files[f]);
        const std::string prefix = fmt::format("f{}-", f + 1);
        if (files.size() > 1) {
            contents.emplace_back(prefix + "file", files[f]);
            body += "<h1 id=" + prefix + "file>" + page::escaped(files[f]) + "</h1>\n";
        }
        for (const Section& section : all_sections) {
            const std::string html = section.html(sources);
            if (html.empty()) continue;
            if (files.size() == 1) contents.emplace_back(prefix + section.id, section.title);
            body += fmt::format("<section><h2 id={}{}>{}</h2>\n{}</section>\n", prefix, section.id,
                                section.title, html);
        }
    }
    return page::document(files.size() == 1 ? files.front() : "fftconv results", contents, body);
}

void write_page(const std::filesystem::path& out, const std::vector<std::string>& files, bool overwrite) {
    require_other_files(out, {files.begin(), files.end()});
    if (!overwrite && std::filesystem::exists(out))
        throw UsageError(out.string() + " exists: --overwrite replaces it");
    const std::string html = results_page(files);
    replace_file(out, std::as_bytes(std::span(html)));
}

}  // namespace fftconv
