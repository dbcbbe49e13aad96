// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/job_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "common/usage_error.h"

namespace qcow2stream::cli {
namespace {

[[noreturn]] void refuse(std::string_view option, std::string_view reason) {
  throw UsageError(fmt::format("{}: {}", option, reason));
}

// One of these was given.
void refuse_together(const CommandLine& said, std::initializer_list<std::string_view> options,
                     std::string_view with) {
  for (const std::string_view option : options) {
    if (said.given.contains(option)) {
      refuse(fmt::format("--{}", option), fmt::format("not together with {}", with));
    }
  }
}

// --- the target ---------------------------------------------------------------------------------

// What is done to TARGET is one thing.
void check_what_is_done(const CommandLine& said) {
  if (said.check) {
    if (said.target) {
      throw UsageError(
          fmt::format("{}: unexpected argument; --check writes nothing, and takes no "
                      "TARGET",
                      *said.target));
    }
    refuse_together(said,
                    {"apply", "skip-equal", "compare", "verify", "overwrite", "target-is-zero",
                     "no-sparse", "snapshot", "chain", "salvage"},
                    "--check, which looks at an image by itself");
    return;
  }
  if (!said.target) throw UsageError("TARGET is missing; see --help");
  if (said.compare) {
    refuse_together(said,
                    {"skip-equal", "verify", "overwrite", "target-is-zero", "no-sparse", "salvage"},
                    "--compare, which writes nothing");
  }
  if (said.apply) {
    refuse_together(said, {"overwrite", "target-is-zero"},
                    "--apply, which changes what TARGET holds");
  }
  if (said.skip_equal) {
    refuse_together(said, {"overwrite", "target-is-zero"},
                    "--skip-equal, which changes what TARGET holds");
  }
}

void check_standard_output(const CommandLine& said) {
  if (said.target != "-") return;
  refuse_together(said, {"apply", "skip-equal", "compare", "verify", "overwrite", "target-is-zero"},
                  "-, a stream");
}

// --- the image ----------------------------------------------------------------------------------

bool is_stdin(const Source& source) {
  return std::holds_alternative<StandardInput>(source);
}

void check_inputs(const CommandLine& said) {
  if (std::ranges::count_if(said.inputs, is_stdin) > 1) {
    refuse("-i, --input", "there is one standard input only");
  }
  const bool is_chain = said.inputs.size() > 1;
  if (said.chain && said.inputs.size() != 1) {
    refuse("--chain", "needs one -i, the newest image");
  }
  if (said.chain && !std::holds_alternative<File>(said.inputs.front())) {
    refuse("--chain", "the newest image must be a file");
  }
  if (said.chain && said.apply) {
    refuse("--chain", "not together with --apply: TARGET holds what the chain begins with");
  }
  if (is_chain && said.size) refuse("--size", "is that of one image; there is more than one -i");
  if ((is_chain || said.chain) && !said.digests.empty()) {
    refuse("--expect-digest",
           "is that of one image, and here is a chain; look at each with "
           "--check");
  }
  if (said.salvage && !said.digests.empty()) {
    refuse("--salvage", "not together with --expect-digest: what is damaged has another one");
  }
  if (said.ignore_names && !is_chain && !said.chain) {
    refuse("--ignore-names", "is about a chain; give its images with -i");
  }
}

// One stream is taken apart by itself.
void check_isolation(const CommandLine& said) {
  if (!said.isolate) return;
  refuse_together(said, {"chain", "snapshot", "salvage", "spool-dir"},
                  "--isolate, which reads one stream");
  if (said.inputs.size() > 1) refuse("--isolate", "not together with more than one image");
  if (said.check) {
    refuse_together(said, {"manifest", "expect-root", "save-manifest"},
                    "--isolate and --check: nothing is decoded here");
  }
}

// What needs the whole of an image, in any order.
void check_snapshot(const CommandLine& said) {
  if (!said.snapshot) return;
  if (said.apply) {
    refuse("-l, --snapshot", "not together with --apply: a snapshot is a full disk");
  }
  if (!said.digests.empty()) {
    refuse("-l, --snapshot",
           "not together with --expect-digest, for which all of the image is "
           "read in order");
  }
}

// --- the content --------------------------------------------------------------------------------

void check_content(const CommandLine& said) {
  if (said.salvage) {
    refuse_together(said, {"manifest", "expect-root", "save-manifest", "base-manifest"},
                    "--salvage: what is lost is another content");
  }
  if (!said.apply) {
    if (said.trust_target) refuse("--trust-target", "is about --apply");
    if (said.base_manifest) refuse("--base-manifest", "is about --apply: what TARGET holds before");
  }
  if (said.trust_target && said.base_manifest) {
    refuse("--trust-target", "not together with --base-manifest, by which TARGET is checked");
  }
  if (said.compare) {
    refuse_together(said, {"save-manifest", "trust-target", "base-manifest"},
                    "--compare, which writes nothing");
  }
}

void check_no_image(const CommandLine& said) {
  if (!said.no_image) return;
  if (!said.compare) refuse("--no-image", "is about --compare");
  if (!said.manifest && !said.root) {
    refuse("--no-image", "with what is TARGET compared? say --manifest or --expect-root");
  }
  refuse_together(said,
                  {"input", "chain", "snapshot", "size", "expect-digest", "apply", "ignore-names",
                   "ignore-root", "max-size", "spool-memory", "spool-dir"},
                  "--no-image, which reads none");
}

void check_verify(const CommandLine& said) {
  if (said.verify && said.apply && said.inputs.size() > 1) {
    refuse("--verify", "not together with --apply and more than one image");
  }
}

}  // namespace

void check_rules(const CommandLine& said) {
  check_what_is_done(said);
  check_standard_output(said);
  check_inputs(said);
  check_isolation(said);
  check_snapshot(said);
  check_verify(said);
  check_content(said);
  check_no_image(said);
}

}  // namespace qcow2stream::cli
