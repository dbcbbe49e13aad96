// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/targets.h"

#include <unistd.h>

#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

class ReadBack final : public Target {
 public:
  explicit ReadBack(Target& target) : target_(target) { target_.drop_cache(); }

  [[nodiscard]] const std::string& name() const override { return target_.name(); }
  [[nodiscard]] TargetTraits traits() const override {
    TargetTraits traits = target_.traits();
    traits.keeps_failures = false;
    traits.reads_as_zeros = false;
    return traits;
  }
  void set_size(std::uint64_t /*size*/) override {}
  void write(GuestOffset /*offset*/, std::span<const std::byte> /*bytes*/) override { refuse(); }
  void zero(GuestRange /*range*/) override { refuse(); }
  void read(GuestOffset offset, std::span<std::byte> buffer) override {
    target_.read(offset, buffer);
  }
  void flush() override {}
  void finish() override {}

 private:
  [[noreturn]] void refuse() const {
    throw Error(ErrorKind::kFailed, name(), "write failed", "it is only read")
        .about(ErrorSubject::kTarget);
  }

  Target& target_;
};

std::unique_ptr<Target> open_stdout(const TargetJob& job) {
  if (::isatty(STDOUT_FILENO) != 0) {
    throw Error(ErrorKind::kFailed, job.name, "is a terminal", "redirect it into a pipe or a file")
        .about(ErrorSubject::kTarget);
  }
  return make_pipe_target(STDOUT_FILENO, job.name, job.pipe);
}

}  // namespace

std::unique_ptr<Target> open_target_of(const TargetJob& job) {
  switch (job.place) {
    case TargetJob::Place::kServer:
      return open_nbd_target(job.name, job.options, job.nbd);
    case TargetJob::Place::kStandardOutput:
      return open_stdout(job);
    case TargetJob::Place::kPath:
      break;
  }
  return open_target(job.name, job.options);
}

std::unique_ptr<Target> read_back(Target& target) {
  return std::make_unique<ReadBack>(target);
}

}  // namespace qcow2stream::cli
