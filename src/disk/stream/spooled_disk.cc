// SPDX-License-Identifier: GPL-2.0-or-later
//
// A stream becomes a disk by way of a file: the survey has to look at all of it before the first
// byte of the image is known, and the emission then reads it again.

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "disk/file/file_disk.h"
#include "disk/stream/stream_reader.h"
#include "qcow2stream/stream.h"
#include "spool/spool_file.h"

namespace qcow2stream {
namespace {

// How much is read and written at once. 256 KiB fit into a core's second level cache, so that the
// zero test and the write find there what the read has left.
constexpr std::size_t kBufferSize = 256 << 10;

// Tells the runs that were stored as data. The file system is not asked, since it may not know, or
// be wrong.
class SpooledRuns final : public RunCursor {
 public:
  SpooledRuns(const Disk& file, const BlockMap& stored, GuestRange range)
      : file_(file), stored_(stored), rest_(range) {}

  std::optional<Run> next() override {
    if (rest_.length == 0) return std::nullopt;
    const std::uint64_t begin = rest_.begin.value();
    const std::uint64_t end = rest_.end().value();
    const bool is_data = stored_.next(true, begin, end) == begin;
    const GuestRange range = rest_.take_front(stored_.next(!is_data, begin, end) - begin);
    if (is_data) return file_.run_at(range);
    return Run{.range = range, .holds = Run::Holds::kZeros};
  }

 private:
  const Disk& file_;
  const BlockMap& stored_;
  GuestRange rest_;
};

class SpooledDisk final : public Disk {
 public:
  SpooledDisk(UniqueFd fd, const std::string& name, BlockMap stored)
      : file_(std::move(fd), name, FileDisk::Sharing::kNobody), stored_(std::move(stored)) {}

  [[nodiscard]] const std::string& name() const override { return file_.name(); }
  [[nodiscard]] std::uint64_t size() const override { return file_.size(); }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    file_.read(offset, buffer);
  }
  [[nodiscard]] DiskTraits traits() const override {
    DiskTraits traits = file_.traits();
    traits.knows_zeros = true;
    return traits;
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override {
    return std::make_unique<SpooledRuns>(file_, stored_, range);
  }
  [[nodiscard]] Run run_at(GuestRange range) const override { return file_.run_at(range); }
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override { return file_.queue(); }
  void will_read(GuestRange range) const noexcept override { file_.will_read(range); }

 private:
  FileDisk file_;
  BlockMap stored_;
};

void spool(StreamReader& reader, SpoolFile& file, BlockMap& stored, const StreamOptions& options) {
  std::vector<std::byte> buffer(kBufferSize);
  for (;;) {
    const std::uint64_t begin = reader.position();
    const std::size_t want = options.size
                                 ? std::min<std::uint64_t>(*options.size - begin, buffer.size())
                                 : buffer.size();
    if (want == 0) break;
    const auto bytes = std::span(buffer).first(reader.read(std::span(buffer).first(want)));
    file.write(begin, bytes, &stored);
    if (options.progress != nullptr) options.progress->spool_done = reader.position();
    if (bytes.size() < want) break;
  }
  if (options.size && reader.position() < *options.size) reader.throw_too_short(*options.size);
  if (options.size) reader.expect_end();
}

}  // namespace

std::shared_ptr<const Disk> open_stream(int fd, const std::string& name,
                                        const StreamOptions& options) {
  StreamReader reader(fd, name);
  SpoolFile file(options.spool_directory);
  // If the file cannot become so large, the error comes at once and not after hours.
  if (options.size) file.resize(*options.size);
  if (options.progress != nullptr) options.progress->spool_total = options.size.value_or(0);
  BlockMap stored;
  spool(reader, file, stored, options);
  file.resize(reader.position());
  return std::make_shared<const SpooledDisk>(std::move(file).release(), name, std::move(stored));
}

}  // namespace qcow2stream
