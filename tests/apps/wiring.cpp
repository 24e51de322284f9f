// Every option of the apps that train reaches the library's structs: each changes what it is for, and nothing
// else.
#include <spdlog/fmt/fmt.h>

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bench/options.hpp"
#include "common/training_options.hpp"
#include "ecp/options.hpp"
#include "evaluate/options.hpp"
#include "evaluate/run.hpp"
#include "prune/options.hpp"
#include "prune/step.hpp"

using namespace fftconv;

namespace {

using Fields = std::map<std::string, std::string>;

void add_fields(Fields& fields, const std::string& prefix, const NetworkOptions& network) {
    fields[prefix + "engine"] = network.engine;
    fields[prefix + "batch"] = fmt::format("{}", network.batch);
    fields[prefix + "threads"] = fmt::format("{}", network.threads);
    fields[prefix + "mode"] = fmt::format("{}", network.mode);
    fields[prefix + "dropout"] = fmt::format("{}", network.dropout);
    fields[prefix + "seed"] = fmt::format("{}", network.seed);
    fields[prefix + "tile"] = fmt::format("{}", network.tile);
    fields[prefix + "fixed_weights"] = fmt::format("{}", network.fixed_weights);
    fields[prefix + "measure"] = fmt::format("{}", network.measure);
}

void add_fields(Fields& fields, const std::string& prefix, const BatchOptions& batches) {
    const Augmentation& augmentation = batches.augmentation;
    fields[prefix + "size"] = fmt::format("{}", batches.size);
    fields[prefix + "border"] = fmt::format("{}", batches.border);
    fields[prefix + "shuffled"] = fmt::format("{}", batches.shuffled);
    fields[prefix + "seed"] = fmt::format("{}", batches.seed);
    fields[prefix + "flip"] = fmt::format("{}", augmentation.flip_horizontal);
    fields[prefix + "flip_vertical"] = fmt::format("{}", augmentation.flip_vertical);
    fields[prefix + "crop"] = fmt::format("{}", augmentation.crop);
    fields[prefix + "rotation"] = fmt::format("{}", augmentation.rotation);
    fields[prefix + "translation"] = fmt::format("{}", augmentation.translation);
    fields[prefix + "scale"] = fmt::format("{} to {}", augmentation.scale_low, augmentation.scale_high);
}

void add_fields(Fields& fields, const std::string& prefix, const TrainerOptions& trainer) {
    fields[prefix + "epochs"] = fmt::format("{}", trainer.epochs);
    fields[prefix + "optimizer"] = to_string(trainer.optimizer.method);
    fields[prefix + "rate"] = fmt::format("{}", trainer.optimizer.rate);
    fields[prefix + "momentum"] = fmt::format("{}", trainer.optimizer.momentum);
    fields[prefix + "decay"] = fmt::format("{}", trainer.optimizer.decay);
    fields[prefix + "weight_decay"] = fmt::format("{}", trainer.optimizer.weight_decay);
    fields[prefix + "schedule"] = to_string(trainer.schedule.kind);
    fields[prefix + "schedule_every"] = fmt::format("{}", trainer.schedule.every);
    fields[prefix + "schedule_factor"] = fmt::format("{}", trainer.schedule.factor);
    fields[prefix + "warm_up"] = fmt::format("{}", trainer.schedule.warm_up);
    fields[prefix + "mode_choice"] = to_string(trainer.mode_choice);
    fields[prefix + "mode"] = fmt::format("{}", trainer.mode);
    fields[prefix + "patience"] = fmt::format("{}", trainer.patience);
    fields[prefix + "keep_best"] = fmt::format("{}", trainer.keep_best);
    fields[prefix + "seed"] = fmt::format("{}", trainer.seed);
    fields[prefix + "soft_share"] = fmt::format("{}", trainer.soft_targets.share);
    fields[prefix + "temperature"] = fmt::format("{}", trainer.soft_targets.temperature);
}

Fields fields_of(const TrainOptions& train) {
    Fields fields;
    const DatasetOptions data = train.dataset_options();
    fields["data.name"] = train.dataset;
    fields["data.folder"] = train.data;
    fields["data.validation"] = fmt::format("{} or {}", data.validation_fraction, data.validation_count);
    fields["data.split_seed"] = fmt::format("{}", data.split_seed);
    fields["data.limit"] = fmt::format("{}", data.limit);
    fields["architecture"] = to_string(train.network_for({1, 28, 28}));
    fields["preprocess"] = preprocess_names.print(train.preprocess);
    fields["out"] = train.out;
    fields["init"] = train.init;
    add_fields(fields, "network.", train.network_options());
    add_fields(fields, "batches.", train.batch_options());
    add_fields(fields, "trainer.", train.trainer_options());
    return fields;
}

Fields fields_of(const PruneOptions& prune) {
    Fields fields = fields_of(prune.train);
    const Dataset none;
    PruningContext context{
        .options = prune, .dataset = none, .resolved_toml = {}, .baseline_sha256 = {}, .preprocessing = {}};
    context.baseline_rate = 0.5;
    context.mode = prune.train.mode;
    add_fields(fields, "pruned network.", context.network_options(2));
    add_fields(fields, "retraining batches.", context.retraining_batches(2));
    add_fields(fields, "retraining.", context.retraining(2));
    std::string points;
    for (const PruningPoint& point : prune.points_of_part()) points += point.name() + " ";
    fields["points"] = points;
    fields["checkpoint"] = prune.checkpoint + (prune.train_baseline ? " trained" : "");
    fields["mask"] = prune.mask;
    fields["mask seed"] = fmt::format("{}", context.mask_seed(2));
    fields["recalibrate"] = fmt::format("{}", prune.recalibrate);
    fields["compensate"] = fmt::format("{}", prune.compensate);
    fields["candidates_from"] = prune.candidates_from;
    fields["layers"] = fmt::format("{}", fmt::join(prune.layers, ","));
    fields["candidates"] = fmt::format("{}", prune.candidates);
    fields["stride"] = fmt::format("{}", prune.stride);
    fields["data_batches"] = fmt::format("{}", prune.data_batches);
    fields["budget"] = fmt::format("{}", prune.budget);
    fields["compact"] = fmt::format("{}", prune.compact);
    fields["no_control"] = fmt::format("{}", prune.no_control);
    fields["overrule"] = fmt::format("{}", prune.overrule);
    fields["parts of a step"] = fmt::format("{}", prune.with_ratio({"l2", {}, 0}, 0.5).trainings());
    fields["timing_rounds"] = fmt::format("{}", prune.timing_rounds);
    fields["figures"] = prune.figures_folder().string();
    return fields;
}

Fields fields_of(const EcpOptions& ecp) {
    Fields fields;
    const EcpTraining training{"two-conv", {PoolingMethod::ecp, ModeChoice::fixed, 0}, 2};
    fields["data.name"] = ecp.dataset;
    fields["data.folder"] = ecp.data;
    fields["data.limit"] = fmt::format("{}", ecp.limit);
    fields["architecture"] = to_string(ecp.architecture("two-conv", PoolingMethod::ecp, {1, 28, 28}));
    fields["trainings"] = "";
    for (const EcpTraining& each : ecp.trainings(0)) fields["trainings"] += each.name() + " ";
    fields["repeat"] = fmt::format("{}", ecp.repeat);
    fields["convolution_rounds"] = fmt::format("{}", ecp.convolution_rounds);
    fields["figures"] = ecp.figures_folder().string();
    fields["out"] = ecp.out;
    add_fields(fields, "network.", ecp.network_options(training));
    add_fields(fields, "batches.", ecp.batch_options(training));
    add_fields(fields, "trainer.", ecp.trainer_options(training));
    return fields;
}

/// fftconv-evaluate on a checkpoint whose run is known.
struct EvaluateApp {
    EvaluateOptions evaluate;
    const Options* options = nullptr;

    static RecordedRun recorded() {
        RecordedRun run;
        run.file = "n.h5";
        run.checkpoint.dataset.name = "MNIST";
        run.train.dataset = "mnist";
        run.train.limit = 40;
        run.train.engine = "spatial";
        run.train.mode.mode = 2;
        run.train.batch = 77;
        run.train.threads = 3;
        return run;
    }
};

Fields fields_of(const EvaluateApp& app) {
    Fields fields;
    const RecordedRun run = chosen_run(EvaluateApp::recorded(), app.evaluate, *app.options);
    fields["data.name"] = run.train.dataset;
    fields["data.folder"] = app.evaluate.data;
    fields["data.limit"] = fmt::format("{}", run.train.limit);
    fields["checkpoint"] = app.evaluate.checkpoint;
    fields["modes"] = app.evaluate.mode == "all" ? "all" : "one";
    fields["timing_rounds"] = fmt::format("{}", app.evaluate.timing_rounds);
    fields["out"] = app.evaluate.out;
    add_fields(fields, "network.", evaluation_options(run, 1000));
    return fields;
}

Fields fields_of(const BenchmarkOptions& bench) {
    Fields fields;
    const BenchmarkLayer layer = bench.layers().front();
    fields["layers"] = fmt::format("{} of {}", bench.layers().size(), to_string(layer.shape));
    fields["layer batch"] = fmt::format("{}", layer.shape.batch);
    fields["layer mode"] = fmt::format("{}", layer.mode);
    fields["pass"] = bench.pass;
    fields["ratios"] = fmt::format("{}", fmt::join(bench.pruned_ratios(), " "));
    fields["kernel groups"] = fmt::format("{}", bench.kernel_groups);
    fields["threads"] = fmt::format("{}", fmt::join(bench.thread_counts(), " "));
    fields["peers"] = fmt::format("{}", fmt::join(bench.peers, " "));
    fields["engines"] = fmt::format("{}", fmt::join(bench.engines, " "));
    fields["tiles"] = fmt::format("{}", bench.tiles);
    fields["rounds"] = fmt::format("{} of {} s", bench.round_options().rounds, bench.round_options().slice);
    fields["architecture"] = bench.network.empty() ? "" : to_string(bench.architecture());
    fields["peer command"] = bench.peer_command;
    fields["scripts"] = bench.scripts;
    fields["drawing"] = bench.drawing;
    fields["links"] = bench.links;
    fields["shards"] = fmt::format("{}", bench.shards);
    fields["simd"] = bench.simd;
    fields["out"] = bench.out;
    const EngineOptions engine =
        bench.engine_options(bench.engines.front(), bench.inverses.front(), LayerPass::forward, 6);
    fields["engine.name"] = engine.engine;
    fields["engine.threads"] = fmt::format("{}", engine.threads);
    fields["engine.tile"] = to_string(engine.tile);
    fields["engine.inverse"] = engine.inverse == Inverse::full ? "full" : "folded";
    fields["engine.renew_weights"] = fmt::format("{}", engine.renew_weights);
    fields["engine.measure"] = fmt::format("{}", engine.measure);
    add_fields(fields, "inference.", bench.network_options(bench.engines.front(), true, 6));
    add_fields(fields, "training.", bench.network_options(bench.engines.front(), false, 6));
    return fields;
}

/// The arguments that set an option, and what changes: fields and their new values.
struct Wire {
    std::vector<std::string> arguments;
    Fields changes;
};

template <class App, class Add>
Fields fields_with(const std::vector<std::string>& arguments, const Add& add_options,
                   std::set<std::string>* names = nullptr) {
    App app;
    Options options("app", "");
    add_options(options, app);
    std::vector<std::string> all = arguments;
    all.insert(all.begin(), "app");
    std::vector<char*> pointers;
    for (std::string& each : all) pointers.push_back(each.data());
    options.parse(int(pointers.size()), pointers.data());
    if (names)
        for (const auto& [name, value] : options.values()) names->insert(name);
    return fields_of(app);
}

template <class App, class Add>
void check_wires(const std::vector<std::string>& always, const std::vector<Wire>& wires,
                 const Add& add_options) {
    std::set<std::string> unseen;
    const Fields before = fields_with<App>(always, add_options, &unseen);
    for (const Wire& wire : wires) {
        std::vector<std::string> arguments = always;
        arguments.insert(arguments.end(), wire.arguments.begin(), wire.arguments.end());
        const Fields after = fields_with<App>(arguments, add_options);
        const std::string option = wire.arguments.front();
        unseen.erase(option.substr(2, option.find('=') - 2));
        for (const auto& [field, value] : after) {
            const auto change = wire.changes.find(field);
            const std::string expected = change == wire.changes.end() ? before.at(field) : change->second;
            BOOST_TEST(value == expected,
                       option << ": " << field << ": expected " << expected << ", found " << value);
            if (change != wire.changes.end())
                BOOST_TEST(expected != before.at(field), option << " changes nothing in " << field);
        }
        for (const auto& [field, value] : wire.changes)
            BOOST_TEST(after.contains(field), option << ": no field " << field);
    }
    unseen.erase("plans");  // recorded, not given
    for (const std::string& name : unseen) BOOST_ERROR("--" + name + " is not in the table");
}

/// The options of training, and what they change.
std::vector<Wire> train_wires() {
    return {
        {{"--architecture", "1x28x28:4C5v-P2-10Softmax"}, {{"architecture", "1x28x28:4C5v-P2-10Softmax"}}},
        {{"--init", "i.h5"}, {{"init", "i.h5"}}},
        {{"--dataset", "svhn"}, {{"data.name", "svhn"}}},
        {{"--data", "d"}, {{"data.folder", "d"}}},
        {{"--limit", "7"}, {{"data.limit", "7"}}},
        {{"--validation", "0.25"}, {{"data.validation", "0.25 or 0"}}},
        {{"--preprocess", "whitening"}, {{"preprocess", "whitening"}}},
        {{"--engine", "spatial"}, {{"network.engine", "spatial"}}},
        {{"--measure"}, {{"network.measure", "true"}}},
        {{"--threads", "5"}, {{"network.threads", "5"}}},
        {{"--batch", "33"}, {{"network.batch", "33"}, {"batches.size", "33"}}},
        {{"--mode", "2"}, {{"network.mode", "2"}, {"trainer.mode", "2"}}},
        {{"--dropout", "0.5"}, {{"network.dropout", "0.5"}}},
        {{"--epochs", "3"}, {{"trainer.epochs", "3"}}},
        {{"--optimizer", "momentum"}, {{"trainer.optimizer", "momentum"}}},
        {{"--rate", "0.125"}, {{"trainer.rate", "0.125"}}},
        {{"--seed", "9"},
         {{"network.seed", "9"}, {"data.split_seed", "9"}, {"batches.seed", "9"}, {"trainer.seed", "9"}}},
        {{"--schedule", "cosine"}, {{"trainer.schedule", "cosine"}}},
        {{"--schedule-every", "4"}, {{"trainer.schedule_every", "4"}}},
        {{"--schedule-factor", "0.5"}, {{"trainer.schedule_factor", "0.5"}}},
        {{"--weight-decay", "0.25"}, {{"trainer.weight_decay", "0.25"}}},
        {{"--patience", "6"}, {{"trainer.patience", "6"}}},
        {{"--keep-best"}, {{"trainer.keep_best", "true"}}},
        {{"--flip"}, {{"batches.flip", "true"}}},
        {{"--flip-vertical"}, {{"batches.flip_vertical", "true"}}},
        {{"--rotation", "15"}, {{"batches.rotation", "15"}}},
        {{"--translation", "2"}, {{"batches.translation", "2"}}},
        {{"--scale", "0.25"}, {{"batches.scale", "0.75 to 1.25"}}},
        {{"--out", "x.h5"}, {{"out", "x.h5"}}}};
}

Wire& wire_of(std::vector<Wire>& wires, const std::string& option) {
    for (Wire& wire : wires)
        if (wire.arguments.front() == option) return wire;
    throw std::runtime_error("no wire " + option);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wiring)

BOOST_AUTO_TEST_CASE(every_option_of_train) {
    std::vector<Wire> wires = train_wires();
    const std::string two_conv = to_string(TrainOptions{}.network_for({1, 28, 28}));
    const Architecture plain = parse_architecture(two_conv);
    wires.push_back({{"--batch-norm"}, {{"architecture", to_string(with_batch_norm(plain))}}});
    wires.push_back({{"--width", "0.5"}, {{"architecture", to_string(with_width(plain, 0.5))}}});
    check_wires<TrainOptions>({}, wires, add_train_options);
    check_wires<TrainOptions>(
        {}, {{{"--mode", "per-epoch"}, {{"trainer.mode_choice", "per-epoch"}}}},
        [](Options& options, TrainOptions& train) { options.add("mode", train.mode, mode_rule_names, ""); });
    // Engines plan for a shard's images.
    check_wires<TrainOptions>({}, {{{"--shards", "2"}, {{"network.batch", "25"}}}}, add_shards_option);
}

BOOST_AUTO_TEST_CASE(every_option_of_prune) {
    std::vector<Wire> wires = train_wires();
    const std::string lenet = to_string(PruneOptions{}.train.network_for({1, 28, 28}));
    // What the baseline and retraining have in common.
    for (const char* option :
         {"--engine", "--measure", "--threads", "--batch", "--mode", "--dropout", "--optimizer",
          "--schedule-every", "--schedule-factor", "--weight-decay", "--patience", "--keep-best", "--flip",
          "--flip-vertical", "--rotation", "--translation", "--scale"}) {
        Fields& changes = wire_of(wires, option).changes;
        for (const auto& [field, value] : Fields(changes)) {
            if (field.starts_with("network.")) changes["pruned " + field] = value;
            if (field.starts_with("batches.")) changes["retraining " + field] = value;
            if (field.starts_with("trainer.")) changes["retraining." + field.substr(8)] = value;
        }
    }
    // Of the third repeat.
    for (const char* field :
         {"pruned network.seed", "retraining batches.seed", "retraining.seed", "mask seed"})
        wire_of(wires, "--seed").changes[field] = "11";
    wire_of(wires, "--architecture").changes["architecture"] = "1x28x28:4C5v+BN-P2-10Softmax";
    wire_of(wires, "--out").changes["figures"] = "x.h5.figures";
    const auto named = [](const std::string& how, const std::vector<std::string>& ratios) {
        std::string all;
        for (const std::string& ratio : ratios) all += how + "-" + ratio + " ";
        return all;
    };
    const std::vector<std::string> tenths{"0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"};
    std::string repeated = named("best-of-n-kernel", tenths);
    for (const std::string& ratio : tenths) repeated += "best-of-n-kernel-" + ratio + "-repeat-2 ";
    const std::vector<Wire> own{
        {{"--batch-norm=false"},
         {{"architecture", to_string(with_batch_norm(parse_architecture(lenet), false))}}},
        {{"--width", "0.5"}, {{"architecture", to_string(with_width(parse_architecture(lenet), 0.5))}}},
        {{"--checkpoint", "c.h5"}, {{"checkpoint", "c.h5"}}},
        {{"--mask", "m.h5"}, {{"mask", "m.h5"}}},
        {{"--train"}, {{"checkpoint", " trained"}}},
        {{"--granularity", "feature-map"}, {{"points", named("best-of-n-feature-map", tenths)}}},
        {{"--ratio", "0.25"}, {{"points", named("best-of-n-kernel", {"0.25"})}}},
        {{"--criterion", "taylor"}, {{"points", named("taylor-kernel", tenths)}}},
        {{"--points", "2/3"}, {{"points", named("best-of-n-kernel", {"0.2", "0.5", "0.8"})}}},
        {{"--repeat", "2"}, {{"points", repeated}}},
        {{"--candidates", "12"}, {{"candidates", "12"}}},
        {{"--layers", "conv2,conv3"}, {{"layers", "conv2,conv3"}}},
        {{"--stride", "3"}, {{"stride", "3"}}},
        {{"--shards", "2"}, {{"network.batch", "64"}, {"pruned network.batch", "64"}}},
        {{"--data-batches", "2"}, {{"data_batches", "2"}}},
        {{"--retrain-epochs", "4"},
         {{"retraining.epochs", "4"}, {"points", "control " + named("best-of-n-kernel", tenths)}}},
        {{"--no-control"}, {{"no_control", "true"}}},
        {{"--overrule"}, {{"overrule", "true"}}},
        {{"--steps", "3"}, {{"parts of a step", "3"}}},
        {{"--distil", "0.25"}, {{"retraining.soft_share", "0.25"}}},
        {{"--temperature", "2"}, {{"retraining.temperature", "2"}}},
        {{"--retrain-rate", "0.25"}, {{"retraining.rate", "0.25"}}},
        {{"--recalibrate", "3"}, {{"recalibrate", "3"}}},
        {{"--compensate"}, {{"compensate", "true"}}},
        {{"--candidates-from", "l2"}, {{"candidates_from", "l2"}}},
        {{"--mask-seed", "20"}, {{"mask seed", "22"}}},
        {{"--retrain-seed", "30"}, {{"retraining.seed", "32"}, {"retraining batches.seed", "32"}}},
        {{"--retrain-share", "0.25"}, {{"retraining.rate", "0.125"}}},
        {{"--retrain-schedule", "constant"}, {{"retraining.schedule", "constant"}}},
        {{"--retrain-warm-up", "2"}, {{"retraining.warm_up", "2"}}},
        {{"--budget", "1.5"}, {{"budget", "1.5"}}},
        {{"--compact"}, {{"compact", "true"}}},
        {{"--timing-rounds", "3"}, {{"timing_rounds", "3"}}},
        {{"--figures", "f"}, {{"figures", "f"}}}};
    for (const Wire& wire : own) wires.push_back(wire);
    check_wires<PruneOptions>({}, wires, add_prune_options);
}

// What is not given is as the checkpoint says.
BOOST_AUTO_TEST_CASE(every_option_of_evaluate) {
    const auto add = [](Options& options, EvaluateApp& app) {
        add_evaluate_options(options, app.evaluate);
        app.options = &options;
    };
    const Fields before = fields_with<EvaluateApp>({"n.h5"}, add);
    BOOST_TEST(before.at("network.mode") == "2");
    BOOST_TEST(before.at("network.engine") == "spatial");
    BOOST_TEST(before.at("data.name") == "mnist");
    BOOST_TEST(before.at("data.limit") == "40");
    BOOST_TEST(before.at("network.fixed_weights") == "true");
    check_wires<EvaluateApp>({"n.h5", "--overrule"},
                             {{{"--mode", "3"}, {{"network.mode", "3"}}},
                              {{"--mode", "all"}, {{"modes", "all"}}},
                              {{"--dataset", "svhn"}, {{"data.name", "svhn"}}},
                              {{"--data", "d"}, {{"data.folder", "d"}}},
                              {{"--limit", "7"}, {{"data.limit", "7"}}},
                              {{"--engine", "direct"}, {{"network.engine", "direct"}}},
                              {{"--measure"}, {{"network.measure", "true"}}},
                              {{"--batch", "33"}, {{"network.batch", "33"}}},
                              {{"--threads", "5"}, {{"network.threads", "5"}}},
                              {{"--timing-rounds", "3"}, {{"timing_rounds", "3"}}},
                              {{"--out", "x.h5"}, {{"out", "x.h5"}}}},
                             add);
    BOOST_TEST(evaluation_options(EvaluateApp::recorded(), 20).batch == 20);  // no empty lanes
    BOOST_CHECK_THROW(fields_with<EvaluateApp>({"n.h5", "--mode", "3"}, add), UsageError);
    BOOST_CHECK_THROW(fields_with<EvaluateApp>({"n.h5", "--dataset", "svhn"}, add), UsageError);
}

BOOST_AUTO_TEST_CASE(every_option_of_bench) {
    const std::string two_conv = to_string(parse_architecture("two-conv"));
    check_wires<BenchmarkOptions>(
        {"--layer", "3,4,9,3,1"},
        {{{"--layer", "3,4,9,3,0"},
          {{"layers",
            "1 of " + to_string(ConvolutionShape{
                          .in_channels = 3, .out_channels = 4, .height = 9, .width = 9, .kernel = 3})}}},
         {{"--batch", "33"}, {{"layer batch", "33"}, {"inference.batch", "33"}, {"training.batch", "33"}}},
         {{"--pass", "step"}, {{"pass", "step"}}},
         {{"--pruned", "0.25,0.5"}, {{"ratios", "0.25 0.5"}}},
         {{"--kernel-groups"}, {{"kernel groups", "true"}}},
         {{"--mode", "2"}, {{"layer mode", "2"}}},
         {{"--renew-weights"}, {{"engine.renew_weights", "true"}}},
         {{"--network", "two-conv"}, {{"architecture", two_conv}}},
         {{"--pooling", "ecp", "--network", "two-conv"},
          {{"architecture", to_string(with_pooling(parse_architecture("two-conv"), PoolingMethod::ecp))}}},
         {{"--peer-command", "p"}, {{"peer command", "p"}}},
         {{"--scripts", "s"}, {{"scripts", "s"}}},
         {{"--drawing", "d.svg"}, {{"drawing", "d.svg"}}},
         {{"--shards", "4"}, {{"shards", "4"}}},
         {{"--links", "300:5"}, {{"links", "300:5"}}},
         {{"--simd", "SSE4"}, {{"simd", "SSE4"}}},
         {{"--engine", "spatial"},
          {{"engines", "spatial"},
           {"engine.name", "spatial"},
           {"inference.engine", "spatial"},
           {"training.engine", "spatial"}}},
         {{"--measure"},
          {{"engine.measure", "true"}, {"inference.measure", "true"}, {"training.measure", "true"}}},
         {{"--inverse", "full"}, {{"engine.inverse", "full"}}},
         {{"--tile", "24"}, {{"engine.tile", to_string(PerAxis(24))}}},
         {{"--tiles", "2"}, {{"tiles", "2"}}},
         {{"--threads", "2,3"}, {{"threads", "2 3"}}},
         {{"--peer", "direct"}, {{"peers", "direct"}}},
         {{"--rounds", "4"}, {{"rounds", "4 of 0.03 s"}}},
         {{"--slice", "0.5"}, {{"rounds", "15 of 0.5 s"}}},
         {{"--out", "x.h5"}, {{"out", "x.h5"}}}},
        add_benchmark_options);
    const BenchmarkOptions bench;
    // Weights that are the same in every call may be prepared once; those of a step are new each time.
    BOOST_TEST(bench.network_options("fft", true, 1).fixed_weights);
    BOOST_TEST(!bench.network_options("fft", false, 1).fixed_weights);
    BOOST_TEST(bench.network_options("fft", true, 6).threads == 6);
    BOOST_TEST(bench.engine_options("fft", "folded", LayerPass::forward, 6).threads == 6);
    BOOST_TEST(bench.engine_options("fft", "folded", LayerPass::backward_input, 1).renew_weights);
}

BOOST_AUTO_TEST_CASE(every_option_of_ecp) {
    check_wires<EcpOptions>(
        {},
        {{{"--network", "one-conv"},
          {{"trainings",
            "one-conv-max one-conv-average one-conv-random-0 one-conv-random-1 one-conv-random-2 "
            "one-conv-random-3 "
            "one-conv-ecp-0 one-conv-ecp-1 one-conv-ecp-2 one-conv-ecp-3 "}}},
         {{"--method", "max"}, {{"trainings", "one-conv-max two-conv-max "}}},
         {{"--mode", "per-batch"},
          {{"trainings",
            "one-conv-max one-conv-average one-conv-random-per-batch one-conv-ecp-per-batch two-conv-max "
            "two-conv-average two-conv-random-per-batch two-conv-ecp-per-batch "}}},
         {{"--padding", "same"}, {{"architecture", "1x28x28:20C5-P2(ecp)-32C5-P2(ecp)-100FC-10Softmax"}}},
         {{"--repeat", "3"}, {{"repeat", "3"}}},
         {{"--convolution-rounds", "2"}, {{"convolution_rounds", "2"}}},
         {{"--dataset", "mnist"}, {{"data.name", "mnist"}}},
         {{"--data", "d"}, {{"data.folder", "d"}}},
         {{"--limit", "7"}, {{"data.limit", "7"}}},
         {{"--engine", "direct"}, {{"network.engine", "direct"}}},
         {{"--measure"}, {{"network.measure", "true"}}},
         {{"--threads", "5"}, {{"network.threads", "5"}}},
         {{"--batch", "33"}, {{"network.batch", "33"}, {"batches.size", "33"}}},
         {{"--epochs", "3"}, {{"trainer.epochs", "3"}}},
         {{"--optimizer", "sgd"}, {{"trainer.optimizer", "sgd"}}},
         {{"--rate", "0.125"}, {{"trainer.rate", "0.125"}}},
         {{"--seed", "9"}, {{"network.seed", "11"}, {"batches.seed", "11"}, {"trainer.seed", "11"}}},
         {{"--out", "x.h5"}, {{"out", "x.h5"}, {"figures", "x.h5.figures"}}},
         {{"--figures", "f"}, {{"figures", "f"}}}},
        add_ecp_options);
    // K of a training is K of its network and of its trainer.
    const EcpOptions ecp;
    for (int mode = 0; mode < 4; ++mode) {
        const EcpTraining training{"two-conv", {PoolingMethod::ecp, ModeChoice::fixed, mode}, 0};
        BOOST_TEST(ecp.network_options(training).mode == mode);
        BOOST_TEST(ecp.trainer_options(training).mode == mode);
    }
    const EcpTraining drawn{"two-conv", {PoolingMethod::ecp, ModeChoice::per_batch, 0}, 0};
    BOOST_TEST((ecp.trainer_options(drawn).mode_choice == ModeChoice::per_batch));
}

BOOST_AUTO_TEST_SUITE_END()
