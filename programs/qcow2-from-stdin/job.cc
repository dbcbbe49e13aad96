// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/job.h"

#include <memory>

#include "common/standard_output.h"
#include "qcow2-from-stdin/job_rules.h"

namespace qcow2stream::cli {
namespace {

using Writing = RestoreOptions::Writing;

NbdOptions nbd_options(const CommandLine& said) {
  NbdOptions nbd{.connections = said.connections.value_or(0),
                 .requests = said.requests.value_or(0)};
  nbd.timeout = said.timeout.value_or(nbd.timeout);
  return nbd;
}

InputJob input_of(const CommandLine& said) {
  InputJob input{.sources = said.inputs,
                 .chain = said.chain,
                 .snapshot = said.snapshot,
                 .size = said.size,
                 .digests = said.digests,
                 .lost = said.salvage ? std::make_shared<LostRanges>() : nullptr,
                 .as_stream = said.apply || said.check || said.isolate || !said.digests.empty(),
                 .ignore_names = said.ignore_names,
                 // One that is not trusted is not asked what it says of itself.
                 .ignore_root = said.ignore_root || said.isolate,
                 .force_share = said.force_share,
                 .nbd = nbd_options(said)};
  if (input.sources.empty() && !said.no_image) input.sources.emplace_back(StandardInput{});
  return input;
}

std::uint64_t spool_memory(const CommandLine& said) {
  return said.spool_memory.value_or(RestoreOptions().spool_memory);
}

TargetUse use_of(const CommandLine& said) {
  if (said.compare) return TargetUse::kReadOnly;
  return said.apply || said.skip_equal ? TargetUse::kChange : TargetUse::kReplace;
}

TargetJob target_of(const CommandLine& said) {
  TargetJob target{
      .name = *said.target,
      .options = {.use = use_of(said),
                  .overwrite = said.overwrite,
                  .reads_as_zeros = said.target_is_zero,
                  .force_share = said.force_share},
      .nbd = nbd_options(said),
      .pipe = {.spool_memory = spool_memory(said), .spool_directory = said.spool_directory}};
  if (is_nbd_uri(target.name)) target.place = TargetJob::Place::kServer;
  if (target.name == "-") {
    target.place = TargetJob::Place::kStandardOutput;
    target.name = kStdoutName;
  }
  return target;
}

Writing writing_of(const CommandLine& said) {
  if (said.compare) return Writing::kNothing;
  return said.skip_equal ? Writing::kDifferences : Writing::kAll;
}

}  // namespace

std::string Job::name() const {
  return target ? target->name : name_of(input.sources.back());
}

Job make_job(const CommandLine& said) {
  check_rules(said);
  const InputJob input = input_of(said);
  Job job{.input = input,
          .restore = {.writing = writing_of(said),
                      .apply = said.apply,
                      .sparse = !said.no_sparse,
                      .threads = said.threads.value_or(0),
                      .spool_memory = spool_memory(said),
                      .spool_directory = said.spool_directory,
                      .max_size = said.max_size,
                      .isolate = said.isolate,
                      .most_per_second = said.limit_rate.value_or(0),
                      .lost = input.lost,
                      // What is lost of an image is no longer what its root says.
                      .expected = {.root = said.root,
                                   .trust_target = said.trust_target,
                                   .ignore_own = said.ignore_root || said.salvage,
                                   .hash = said.save_manifest.has_value()}},
          .manifests = {.manifest = said.manifest,
                        .base = said.base_manifest,
                        .save = said.save_manifest},
          .verify = said.verify,
          .report = said.report,
          .telling = said.telling};
  if (!said.check) job.target = target_of(said);
  return job;
}

}  // namespace qcow2stream::cli
