// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/output_rules.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <string>

#include "common/usage_error.h"
#include "qcow2-to-stdout/survey_rules.h"

namespace qcow2stream::cli {
namespace {

// What makes an image, or belongs to one that is written.
constexpr std::array kOfImages = {"measure",
                                  "cluster-size",
                                  "refcount-bits",
                                  "qcow2-version",
                                  "data-file",
                                  "data-file-raw",
                                  "extended-l2",
                                  "compress",
                                  "deflate-window",
                                  "backing-file",
                                  "backing-format",
                                  "base",
                                  "base-format",
                                  "dirty-bitmap",
                                  "shallow",
                                  "top-layer",
                                  "changed-map",
                                  "diff",
                                  "json-header-map",
                                  "json-header-info",
                                  "json-header-diff-map",
                                  "json-header-diff-info",
                                  "map",
                                  "scan",
                                  "allocated",
                                  "no-extents",
                                  "leave-out",
                                  "save-manifest",
                                  "base-manifest",
                                  "manifest-chunk",
                                  "read-all",
                                  "no-root-trailer",
                                  "bitmaps",
                                  "if-match",
                                  "save-plan",
                                  "plan",
                                  "assume-unchanged",
                                  "spool-memory"};
constexpr std::array kOfStreams = {"measure", "offset", "length",       "part",
                                   "flush",   "digest", "save-manifest"};

void refuse_given(const CommandLine& said, std::span<const char* const> names, const char* why) {
  for (const char* name : names) {
    if (said.given.contains(name)) throw UsageError(fmt::format("--{}: {}", name, why));
  }
}

}  // namespace

bool is_raw_wanted(const CommandLine& said) {
  return said.output_format == OutputFormat::kRaw;
}

void check_output_options(const CommandLine& said) {
  if (said.name && said.digests.empty() && !said.mount) {
    throw UsageError("--name: needs --digest, in whose line it stands, or --mount");
  }
  if (said.run && said.flush) {
    throw UsageError("--flush: not together with --run, whose command has the image");
  }
  if (!said.measure) return;
  const char* option = nullptr;
  if (said.flush) option = "--flush";
  if (!said.digests.empty()) option = "--digest";
  if (said.run) option = "--run";
  if (option == nullptr) return;
  throw UsageError(fmt::format("{}: not together with --measure, which writes no image", option));
}

void check_range_options(const CommandLine& said) {
  if (said.part && (said.offset || said.length)) {
    throw UsageError("--part: not together with --offset and --length, whose place it takes");
  }
}

void check_mount_options(const CommandLine& said) {
  if (is_raw_wanted(said)) {
    refuse_given(said, kOfImages, "is about an image, and -O raw gives the disk itself");
  }
  if (!said.mount) return;
  refuse_given(said, kOfStreams, "not together with --mount, which writes no image");
  if (said.name &&
      (said.name->find('/') != std::string::npos || *said.name == "." || *said.name == "..")) {
    throw UsageError("--name: with --mount it is the name of a file, without a slash");
  }
}

void check_manifest_options(const CommandLine& said) {
  const bool asks_root = said.measure == MeasureFormat::kRoot;
  const bool has_manifest = said.save_manifest || said.base_manifest;
  const char* option = said.save_manifest   ? "--save-manifest"
                       : said.base_manifest ? "--base-manifest"
                                            : "--measure=root";
  if (said.manifest_chunk_bits && !said.save_manifest) {
    throw UsageError("--manifest-chunk: needs --save-manifest");
  }
  if (said.manifest_chunk_bits && said.base_manifest) {
    throw UsageError("--manifest-chunk: the chunks are those of --base-manifest");
  }
  if (said.no_root_trailer && !has_manifest) {
    throw UsageError("--no-root-trailer: needs --save-manifest or --base-manifest");
  }
  if (said.read_all && (!said.save_manifest || !is_told_changes(said))) {
    throw UsageError(
        "--read-all: needs --save-manifest and one of --dirty-bitmap, --shallow, --changed-map");
  }
  if (said.read_all && said.base_manifest) {
    throw UsageError("--read-all: not together with --base-manifest, which has what is not read");
  }
  if (said.save_manifest && is_told_changes(said) && !said.base_manifest && !said.read_all) {
    throw UsageError(
        "--save-manifest: what has not changed comes from --base-manifest, the manifest of what "
        "DISK held before; or say --read-all, and all of DISK is read");
  }
  if (asks_root && said.save_manifest) {
    throw UsageError(
        "--save-manifest: not together with --measure=root; the manifest has the root");
  }
  if (!has_manifest && !asks_root) return;
  const char* other = nullptr;
  if (said.salvage) other = "--salvage: it would be of what could be read";
  if (said.allow_changes) other = "--allow-changes: nobody knows what it would be of";
  if (asks_root && (said.plan || said.save_plan)) other = "a plan, which is of an image";
  if (other != nullptr) throw UsageError(fmt::format("{}: not together with {}", option, other));
}

}  // namespace qcow2stream::cli
