// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/job_rules.h"

#include <fmt/format.h>

#include <string_view>

#include "common/usage_error.h"
#include "qcow2-to-stdout/disk_rules.h"
#include "qcow2-to-stdout/output_rules.h"
#include "qcow2-to-stdout/plan_options.h"
#include "qcow2-to-stdout/survey_rules.h"

namespace qcow2stream::cli {
namespace {

std::string_view option_of(OptionProblem::Field field) {
  switch (field) {
    case OptionProblem::Field::kClusterSize:
      return "-c, --cluster-size";
    case OptionProblem::Field::kRefcountBits:
      return "-r, --refcount-bits";
    case OptionProblem::Field::kVersion:
      return "-v, --qcow2-version";
    case OptionProblem::Field::kExtendedL2:
      return "--extended-l2";
    case OptionProblem::Field::kDataFile:
      return "-d, --data-file";
    case OptionProblem::Field::kBackingFile:
      return "-B, --backing-file";
    case OptionProblem::Field::kCompression:
      return "--compress";
    case OptionProblem::Field::kBitmaps:
      return "--bitmaps";
  }
  return "";
}

}  // namespace

void check_rules(const CommandLine& said) {
  check_disk(said);
  check_compression(said);
  check_plan_options(said);
  check_increment_options(said);
  check_map_options(said);
  check_leave_out(said);
  check_output_options(said);
  check_range_options(said);
  check_mount_options(said);
  check_manifest_options(said);
}

void check_image(const ImageOptions& image) {
  if (const auto problem = find_problem(image)) {
    throw UsageError(fmt::format("{}: {}", option_of(problem->field), problem->reason));
  }
}

}  // namespace qcow2stream::cli
