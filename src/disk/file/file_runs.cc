// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/file/file_runs.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "system/holes.h"

namespace qcow2stream {
namespace {

class FileRuns final : public RunCursor {
 public:
  FileRuns(int fd, std::uint64_t size, GuestRange range)
      : fd_(fd), size_(size), at_(range.begin), end_(range.end()) {}

  std::optional<Run> next() override {
    if (at_ >= end_) return std::nullopt;
    if (answers_) {
      const auto data = seek_run(fd_, at_.value(), size_, SEEK_DATA);
      if (data && *data > at_.value()) return run_to(GuestOffset(*data), Run::Holds::kZeros);
      const auto hole = data ? seek_run(fd_, at_.value(), size_, SEEK_HOLE) : std::nullopt;
      if (hole && *hole > at_.value()) return run_to(GuestOffset(*hole), Run::Holds::kData);
      answers_ = false;
    }
    return run_to(end_, Run::Holds::kData);
  }

 private:
  Run run_to(GuestOffset end, Run::Holds holds) {
    end = std::min(end, end_);
    Run run{.range = {at_, end - at_}, .holds = holds};
    if (run.is_data()) run.where = Place{.descriptor = fd_, .offset = at_.value()};
    at_ = end;
    return run;
  }

  int fd_;
  std::uint64_t size_;
  GuestOffset at_;
  GuestOffset end_;
  bool answers_ = true;  // the file system's answers have made sense so far
};

}  // namespace

std::unique_ptr<RunCursor> file_runs(int fd, std::uint64_t size, GuestRange range) {
  return std::make_unique<FileRuns>(fd, size, range);
}

}  // namespace qcow2stream
