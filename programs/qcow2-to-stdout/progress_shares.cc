// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/progress_shares.h"

namespace qcow2stream::cli {
namespace {

// A survey that probes takes about a tenth of a run's time; one that reads nothing, none.
constexpr unsigned kSurveyShare = 10;

// One that compresses takes nearly all of it, as long as its results are kept.
constexpr unsigned kSurveyShareOfCompressing = 90;

// Standard input is read once to be kept and once to be written.
constexpr unsigned kSpoolShare = 50;
constexpr unsigned kSpoolShareOfMeasuring = 90;

}  // namespace

Shares progress_shares(const Job& job) {
  const bool measures = job.output.measure.has_value();
  Shares shares{.spool = measures ? kSpoolShareOfMeasuring : kSpoolShare};
  if (job.output.measure == MeasureFormat::kRoot) {
    shares.survey = 100;
  } else if (job.output.raw) {
    shares.survey = 0;
  } else if (job.image.compression) {
    shares.survey = measures ? 100 : kSurveyShareOfCompressing;
  } else if (job.survey.scan == Scan::kZeros) {
    shares.survey = measures ? 100 : kSurveyShare;
  }
  return shares;
}

ProgressStyle progress_style(const Job& job) {
  // A command has a bar of its own.
  const bool shows = job.output.standard_output() != EndRole::kCommand && bar_is_welcome();
  return progress_style(job.telling, shows);
}

}  // namespace qcow2stream::cli
