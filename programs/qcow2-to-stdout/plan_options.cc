// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/plan_options.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "common/usage_error.h"

namespace qcow2stream::cli {
namespace {

constexpr std::array<std::string_view, 19> kSurveyOptions = {"scan",
                                                             "allocated",
                                                             "map",
                                                             "no-extents",
                                                             "leave-out",
                                                             "base",
                                                             "base-format",
                                                             "dirty-bitmap",
                                                             "changed-map",
                                                             "diff",
                                                             "json-header-map",
                                                             "json-header-diff-map",
                                                             "json-header-diff-info",
                                                             "spool-memory",
                                                             "base-manifest",
                                                             "manifest-chunk",
                                                             "no-root-trailer",
                                                             "read-all",
                                                             "save-plan"};

template <auto Field>
bool same(const ImageOptions& one, const ImageOptions& other) {
  return one.*Field == other.*Field;
}

int level_of(const Compression& compression) {
  return compression.level.value_or(
      compression_levels(compression.type, compression.deflate_window).normal);
}
template <>
bool same<&ImageOptions::compression>(const ImageOptions& one, const ImageOptions& other) {
  if (!one.compression || !other.compression) return !one.compression && !other.compression;
  // What is kept is known only of the disk.
  if (one.compression->keep || other.compression->keep) {
    return one.compression->keep == other.compression->keep;
  }
  return one.compression->type == other.compression->type &&
         one.compression->deflate_window == other.compression->deflate_window &&
         level_of(*one.compression) == level_of(*other.compression);
}

// What two options are together is one field of the image's, so they are compared together.
struct ImageOption {
  std::string_view name;  // long
  bool (*same)(const ImageOptions& one, const ImageOptions& other);
};

constexpr std::array kComparedOptions = {
    ImageOption{"cluster-size", same<&ImageOptions::cluster_size>},
    ImageOption{"refcount-bits", same<&ImageOptions::refcount_bits>},
    ImageOption{"qcow2-version", same<&ImageOptions::version>},
    ImageOption{"extended-l2", same<&ImageOptions::extended_l2>},
    ImageOption{"bitmaps", same<&ImageOptions::bitmaps>},
    ImageOption{"data-file", same<&ImageOptions::data_file>},
    ImageOption{"data-file-raw", same<&ImageOptions::data_file>},
    ImageOption{"compress", same<&ImageOptions::compression>},
    ImageOption{"deflate-window", same<&ImageOptions::compression>},
    ImageOption{"backing-file", same<&ImageOptions::backing_file>},
    ImageOption{"backing-format", same<&ImageOptions::backing_file>},
};

}  // namespace

void check_plan_options(const CommandLine& said) {
  if (said.assume_unchanged && !said.plan) {
    throw UsageError("--assume-unchanged: needs --plan");
  }
  if (!said.plan) return;
  for (const std::string_view name : kSurveyOptions) {
    if (said.given.contains(name)) {
      throw UsageError(
          fmt::format("--plan: the disk has been surveyed; --{} would do nothing", name));
    }
  }
}

void check_same_as_plan(const CommandLine& said, const ImageOptions& image, const SavedPlan& plan) {
  for (const ImageOption& option : kComparedOptions) {
    if (said.given.contains(option.name) && !option.same(image, plan.options)) {
      throw UsageError(
          fmt::format("--{}: is another one in the plan {}; leave it out", option.name, plan.name));
    }
  }
  if (said.save_manifest && (plan.survey.content == nullptr || !plan.options.root_record)) {
    throw UsageError(fmt::format(
        "--save-manifest: the plan {} was not made together with a manifest; leave it out",
        plan.name));
  }
  // Then the disk would lack what lies below the top image.
  if (said.shallow && plan.top_images == 0) {
    throw UsageError(
        fmt::format("--shallow: the plan {} was made without it; leave it out", plan.name));
  }
  if (said.shallow && *said.shallow != plan.top_images) {
    throw UsageError(
        fmt::format("--shallow: is another one in the plan {}; leave it out", plan.name));
  }
}

}  // namespace qcow2stream::cli
