// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/served_image.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/fields.h"
#include "disk/confined/opened.h"
#include "disk/confined/told_error.h"
#include "disk/confined/told_runs.h"
#include "disk/source_errors.h"
#include "qcow2stream/stored_clusters.h"
#include "system/io.h"

namespace qcow2stream::confined {
namespace {

// The image as a disk that is read, and nothing else is done with its descriptor.
class FileOfImage final : public Disk {
 public:
  FileOfImage(int fd, std::string name, std::uint64_t size)
      : fd_(fd), name_(std::move(name)), size_(size) {}

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    const Moved moved = read_full_at(fd_, offset.value(), buffer);
    if (moved.error != 0) throw_read_error(name_, offset + moved.bytes, moved.error);
    if (moved.bytes < buffer.size()) throw_disk_ended(name_, offset + moved.bytes, size_);
  }
  [[nodiscard]] DiskTraits traits() const override { return {.places = DiskTraits::Places::kAll}; }
  [[nodiscard]] Run run_at(GuestRange range) const override {
    return {.range = range, .where = Place{.descriptor = fd_, .offset = range.begin.value()}};
  }
  // Its own parts are not of interest.
  [[nodiscard]] std::optional<DiskStamp> stamp() const override { return DiskStamp{}; }

 private:
  int fd_;
  std::string name_;
  std::uint64_t size_;
};

// Looking further would make those wait who want to know what they have asked.
constexpr int kMostLookups = 8192;

ToldRun told(const Run& run) {
  using Kind = ToldRun::Kind;
  if (run.holds == Run::Holds::kBelow) return {.kind = Kind::kBelow, .range = run.range};
  if (run.holds == Run::Holds::kZeros) return {.kind = Kind::kZeros, .range = run.range};
  if (!run.where) return {.kind = Kind::kMade, .range = run.range};
  return {.kind = Kind::kPlain, .range = run.range, .place = run.where->offset};
}

// Collects runs, of which those are one that go on with the same thing.
class Telling {
 public:
  explicit Telling(std::span<std::byte> slot) : fields_(slot) {}

  void add(const ToldRun& run) {
    if (goes_on(run)) {
      last_->range.length += run.range.length;
      return;
    }
    write_last();
    last_ = run;
  }
  [[nodiscard]] bool is_full() const { return written_ + 1 == kMostToldRuns; }
  [[nodiscard]] bool is_empty() const { return !last_; }
  std::size_t finish() {
    write_last();
    return fields_.size();
  }

 private:
  [[nodiscard]] bool goes_on(const ToldRun& run) const {
    return last_ && last_->kind == run.kind &&
           (run.kind != ToldRun::Kind::kPlain || run.place == last_->place + last_->range.length);
  }
  void write_last() {
    if (!last_) return;
    write_run(fields_, *last_);
    ++written_;
  }

  FieldWriter fields_;
  std::optional<ToldRun> last_;
  std::size_t written_ = 0;
};

// An image that is read alone has no others.
Error of_lonely_image(const Error& error) {
  if (error.subject() != ErrorSubject::kImage) return error;
  return Error(error.kind(), error.name(), error.what_failed(), "it is isolated from all of them")
      .about(ErrorSubject::kDisk);
}

[[noreturn]] void refuse_request(const std::string& name) {
  throw Error(ErrorKind::kFailed, name, "cannot be read", "this was not asked sensibly");
}

}  // namespace

Answer ServedImage::answer(const Request& request, std::span<std::byte> slot) {
  try {
    switch (request.ask) {
      case Ask::kOpen:
        return {.bytes = open(request, slot)};
      case Ask::kRuns:
        return {.bytes = runs(request, slot)};
      case Ask::kChanges:
        return {.bytes = changes(request, slot)};
      case Ask::kRead:
        return {.bytes = read(request, slot)};
      case Ask::kStored:
        return {.bytes = stored(request, slot)};
      case Ask::kStoredLength:
        return {.bytes = stored_length(request, slot)};
      default:  // of streams
        break;
    }
    refuse_request("");
  } catch (const Error& error) {
    return {.say = Say::kError, .bytes = write_error(error, slot)};
  } catch (const std::bad_alloc&) {
    return {.say = Say::kError,
            .bytes = write_error(Error(ErrorKind::kFailed, "", "cannot be read", "out of memory"),
                                 slot)};
  }
}

std::size_t ServedImage::open(const Request& request, std::span<std::byte> slot) {
  const auto what = read_to_open(slot.first(std::min<std::uint64_t>(request.length, slot.size())));
  if (!what || is_open_) refuse_request("");
  try {
    opened_ =
        open_qcow2(std::make_shared<FileOfImage>(file_, what->name, file_bytes_), what->options);
  } catch (const Error& error) {
    throw of_lonely_image(error);
  }
  const Disk& disk = *opened_.disk;
  const StoredClusters& stored = *disk.stored_clusters();
  const ToldOpened told{.size = disk.size(),
                        .others = disk.stamp()->others,
                        .has_changes = opened_.changes != nullptr,
                        .stored = {.type = stored.type(), .cluster_size = stored.cluster_size()},
                        .caveats = disk.caveats(),
                        .remainder = opened_.remainder};
  const auto size = write_opened(told, slot);
  if (!size) {
    throw Error(ErrorKind::kFailed, what->name, "cannot be isolated",
                "it has more bitmaps than are told");
  }
  is_open_ = true;
  return *size;
}

const Disk& ServedImage::disk() const {
  if (!is_open_) refuse_request("");
  return *opened_.disk;
}

// Not empty, and within the disk.
GuestRange ServedImage::range_of(const Request& request) const {
  const std::uint64_t size = disk().size();
  if (request.begin >= size || request.length == 0 || request.length > size - request.begin) {
    refuse_request(disk().name());
  }
  return {GuestOffset(request.begin), request.length};
}

// What is wrong further on is told to those who ask for that.
std::size_t ServedImage::runs(const Request& request, std::span<std::byte> slot) const {
  GuestRange rest = range_of(request);
  Telling telling(slot);
  for (int i = 0; i < kMostLookups && rest.length > 0 && !telling.is_full(); ++i) {
    try {
      const Run run = disk().run_at(rest);
      telling.add(told(run));
      rest = rest.without_first(run.range.length);
    } catch (const Error&) {
      if (telling.is_empty()) throw;
      break;
    }
  }
  return telling.finish();
}

std::size_t ServedImage::changes(const Request& request, std::span<std::byte> slot) {
  const GuestRange asked = range_of(request);
  if (opened_.changes == nullptr) refuse_request(disk().name());
  const std::lock_guard lock(changes_mutex_);
  if (changes_ == nullptr || changes_at_ > asked.begin) {
    changes_ = opened_.changes->runs();
    changes_at_ = GuestOffset(0);
    change_.reset();
  }
  Telling telling(slot);
  for (int i = 0; i < kMostLookups && !telling.is_full() && changes_at_ < asked.end();) {
    if (!change_) change_ = changes_->next();
    if (!change_) refuse_request(disk().name());
    Run run = *change_;
    if (run.range.end() > asked.begin) {
      run.range = run.range.without_first(
          run.range.begin < asked.begin ? asked.begin - run.range.begin : 0);
      run.range = run.range.first(asked.end() - run.range.begin);
      run.where.reset();
      telling.add(told(run));
      ++i;
    }
    changes_at_ = change_->range.end();
    change_.reset();
  }
  return telling.finish();
}

std::size_t ServedImage::read(const Request& request, std::span<std::byte> slot) const {
  const GuestRange range = range_of(request);
  if (range.length > slot.size()) refuse_request(disk().name());
  disk().read(range.begin, slot.first(range.length));
  return range.length;
}

std::size_t ServedImage::stored(const Request& request, std::span<std::byte> slot) const {
  const StoredClusters& clusters = *disk().stored_clusters();
  if (request.length > kMostToldBlobs) refuse_request(disk().name());
  FieldWriter fields(slot);
  for (std::uint64_t i = 0; i < request.length; ++i) {
    const std::uint64_t at = request.begin + i * clusters.cluster_size();
    if (at >= disk().size()) refuse_request(disk().name());
    try {
      const auto blob = clusters.find(GuestOffset(at));
      write_blob(fields,
                 blob ? ToldBlob{.begin = blob->begin.value(), .most = blob->most} : ToldBlob{});
    } catch (const Error&) {
      if (i == 0) throw;
      break;
    }
  }
  return fields.size();
}

std::size_t ServedImage::stored_length(const Request& request, std::span<std::byte> slot) const {
  const StoredClusters& clusters = *disk().stored_clusters();
  if (request.begin >= file_bytes_ || request.length > file_bytes_ - request.begin ||
      request.length > kSlotBytes + kSlotBytes) {
    refuse_request(disk().name());
  }
  const auto length = clusters.length({.begin = HostOffset(request.begin), .most = request.length});
  FieldWriter fields(slot);
  fields.number(length.value_or(0));
  return fields.size();
}

}  // namespace qcow2stream::confined
