#pragma once
#include <optional>
#include <string>
#include <vector>

#include "common/statistics.hpp"
#include "ecp/options.hpp"
#include "ecp/turns.hpp"
#include "fftconv/storage/results.hpp"

namespace fftconv {

/// Table "pure_convolution" of a result file: a row per round, a column per measurement, seconds.
inline constexpr const char* convolution_table = "pure_convolution";
/// Its columns: "two_conv_fft_full", "two_conv_direct_ecp", …
std::string convolution_column(const std::string& network, const std::string& engine, bool easy);

/// Table of the trainings that did not take turns with the others, but ran in processes side by side: what
/// their times were is not compared.
inline constexpr const char* trained_apart_table = "trained_apart";

/// The trainings that a run with these options has still to make or to finish.
std::vector<EcpTraining> unfinished_trainings(const EcpOptions& options, const ResultRecord& record);
/// Throws FileError, naming `file`, unless every curve has a test MCR for each epoch.
void require_test_curves(const ResultRecord& record, const std::string& file);
/// Their names, those of trainings with fewer epochs that earlier calls asked for, and `convolution_table`
/// while rounds of it are missing.
std::vector<std::string> missing_parts(const EcpOptions& options, const ResultRecord& record);

/// What a result file of fftconv-ecp says, finished or not. Methods are named as EcpMethod::name does; what
/// has not been measured is NaN. Times are medians over the epochs of all repeats, and ratios are medians of
/// the ratios of the same epoch, so that noise of the machine, which hits all methods of an epoch alike,
/// cancels. Epochs that were trained in different calls have no ratio.
class EcpResults {
  public:
    /// Of a run with these options; a record that comes from `file`, for messages. @throws FileError
    EcpResults(ResultRecord record, EcpOptions options, const std::string& file = "result file");
    /// @throws FileError; UsageError when the file is not one of fftconv-ecp.
    static EcpResults read(const std::filesystem::path& file);

    /// The configuration; its networks, methods and modes are all that there can be.
    const EcpOptions& options() const { return options_; }
    const ResultRecord& record() const { return record_; }
    /// "MNIST, batch 50, Adam …": what the numbers were made with, for titles.
    std::string conditions() const;
    /// "AMD EPYC …, threads: 2": what the times were measured on.
    std::string machine() const;
    /// Seeds that every method has.
    int seeds_of_all() const;
    /// Epochs that every training has finished.
    int epochs_of_all() const;
    /// The methods that have finished an epoch on this network, in the tables' order.
    std::vector<EcpMethod> methods(const std::string& network) const;

    /// Curves of the repeats that have finished an epoch.
    std::vector<const Curve*> curves(const std::string& network, const EcpMethod& method) const;
    /// A curve by its full name, or null.
    const Curve* curve(const std::string& name) const;

    /// First epoch with at least this test accuracy (percent), over repeats; nothing if one never had it.
    std::optional<Mean> first_epoch(const std::string& network, const EcpMethod& method,
                                    double accuracy) const;
    Mean best_accuracy(const std::string& network, const EcpMethod& method) const;
    /// Best accuracy less the baseline's, of the same seed and over as many epochs, over the seeds that both
    /// have.
    Mean accuracy_difference(const std::string& network, const EcpMethod& method,
                             const EcpMethod& baseline) const;
    /// Of the last ten epochs (or as many as there are).
    Mean last_accuracy(const std::string& network, const EcpMethod& method) const;
    /// A random-K network after its last epoch, tested under K = 0, 1, 2, 3; the mean of these accuracies;
    /// the accuracy of the mean of the four outputs.
    std::vector<Mean> accuracy_by_mode(const std::string& network, const EcpMethod& method) const;
    /// The highest whole percent that every training here has reached, at most 98.
    double common_accuracy() const;

    using Seconds = std::vector<double> Curve::*;  ///< &Curve::train_seconds or &Curve::test_seconds
    double seconds(const std::string& network, const EcpMethod& method, Seconds which) const;
    double speed_up(const std::string& network, const EcpMethod& method, const EcpMethod& baseline,
                    Seconds which) const;

    double convolution_seconds(const std::string& network, const std::string& engine, bool easy) const;
    double convolution_speed_up(const std::string& network, const std::string& engine) const;

  private:
    bool in_turn(const Curve& curve) const;
    const Column* column(const std::string& table, const std::string& name) const;
    std::vector<double> convolution_rounds(const std::string& network, const std::string& engine,
                                           bool easy) const;

    ResultRecord record_;
    EcpOptions options_;
    Turns turns_;
};

}  // namespace fftconv
