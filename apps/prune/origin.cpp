#include "prune/origin.hpp"

#include "common/records.hpp"
#include "fftconv/core/error.hpp"
#include "fftconv/core/sha256.hpp"
#include "fftconv/storage/masks.hpp"

namespace fftconv {

void add_given_masks(PrunedNetwork& pruned, const std::string& file) {
    if (file.empty()) return;
    try {
        pruned.set_masks(combine(pruned.masks(), read_masks(file).masks));
    } catch (const ShapeError& error) {
        throw FileError(file, "/mask", "masks of the layers of " + to_string(pruned.network.architecture()),
                        error.what());
    }
}

std::string mask_sha256(const std::string& file) {
    return file.empty() ? "" : sha256_of_file(file);
}

Table mask_table(const std::string& file) {
    return {"mask",
            "What was pruned before anything else",
            {{"file", "", std::vector<std::string>{file}},
             {"sha256", "", std::vector<std::string>{mask_sha256(file)}}}};
}

PruningResults earlier_results(const PruningContext& context, const ResultRecord& stored) {
    const std::string& out = context.options.train.out;
    if (find_table(stored.tables, "points") == nullptr) return {};  // interrupted before the first
    if (stored.dataset.sha256 != context.dataset.sha256)
        throw FileError(out, "/dataset/sha256", context.dataset.sha256, stored.dataset.sha256);
    context.require_baseline(out, "/summary/baseline/sha256", origin_digest(stored, out, "baseline"));
    PruningResults results = PruningResults::from(stored, out);
    for (const PruningResult& point : results.points) {
        const std::filesystem::path file = mask_file(context.options, point.name);
        if (std::filesystem::exists(file))
            context.require_baseline(file, "/parent @checkpoint_sha256", read_masks(file).checkpoint_sha256);
    }
    const std::string mask = mask_sha256(context.options.mask);
    if (find_table(stored.tables, "mask") && origin_digest(stored, out, "mask") != mask)
        throw FileError(out, "digest of --mask", mask + " (" + context.options.mask + " as it is now)",
                        origin_digest(stored, out, "mask"));
    return results;
}

}  // namespace fftconv
