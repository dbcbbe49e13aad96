// SPDX-License-Identifier: GPL-2.0-or-later
//
// A read of what is damaged fails as a whole, so it is repeated in parts: a sixteenth of it, and of
// each part that fails a sixteenth again, down to a page. Of what cannot be read at all that makes
// about one read for each page, and of what can be read hardly more than before.

#include "qcow2stream/salvage.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <span>
#include <utility>

#include "base/bits.h"
#include "disk/losses.h"
#include "qcow2stream/error.h"

namespace qcow2stream {

// --- what is lost -------------------------------------------------------------------------------

// The first entry that has a byte in common with the range.
LostRanges::Entries::const_iterator LostRanges::first_in(GuestRange range) const {
  auto entry = entries_.upper_bound(range.begin);
  if (entry != entries_.begin() && std::prev(entry)->second.end > range.begin) --entry;
  return entry != entries_.end() && entry->first < range.end() ? entry : entries_.end();
}

void LostRanges::add(const std::string& disk, GuestRange range, const std::string& reason) {
  const std::unique_lock lock(mutex_);
  GuestOffset begin = range.begin;
  Entry added{.end = range.end(), .reason = reason};
  auto entry = entries_.upper_bound(begin);
  if (entry != entries_.begin() && std::prev(entry)->second.end >= begin) --entry;
  while (entry != entries_.end() && entry->first <= added.end) {
    if (entry->first <= begin) {
      begin = entry->first;
      added.reason = std::move(entry->second.reason);
    }
    added.end = std::max(added.end, entry->second.end);
    entry = entries_.erase(entry);
  }
  entries_.emplace(begin, std::move(added));
  if (entries_.size() > kMost) {
    throw Error(ErrorKind::kFailed, disk, "is damaged too much",
                fmt::format("more than {} parts of it cannot be read", kMost))
        .about(ErrorSubject::kDisk);
  }
}

bool LostRanges::empty() const {
  const std::shared_lock lock(mutex_);
  return entries_.empty();
}

std::vector<LostRange> LostRanges::all() const {
  const std::shared_lock lock(mutex_);
  std::vector<LostRange> all;
  all.reserve(entries_.size());
  for (const auto& [begin, entry] : entries_) {
    all.push_back({.range = {begin, entry.end - begin}, .reason = entry.reason});
  }
  return all;
}

LostRanges::Part LostRanges::part_at(GuestRange range) const {
  const std::shared_lock lock(mutex_);
  const auto entry = first_in(range);
  if (entry == entries_.end()) return {.range = range, .is_lost = false};
  if (entry->first > range.begin) {
    return {.range = range.first(entry->first - range.begin), .is_lost = false};
  }
  return {.range = range.first(entry->second.end - range.begin), .is_lost = true};
}

std::optional<std::string> LostRanges::reason_in(GuestRange range) const {
  const std::shared_lock lock(mutex_);
  const auto entry = first_in(range);
  return entry == entries_.end() ? std::nullopt : std::optional(entry->second.reason);
}

// --- the disk -----------------------------------------------------------------------------------

namespace {

// What a failed read may have missed only a part of: a page, the unit of the page cache.
constexpr std::uint64_t kUnit = 4096;
constexpr std::uint64_t kParts = 16;

// What a source does not say of itself may be anything.
bool is_unknown(const Error& error) {
  return is_loss(error) || (error.kind() == ErrorKind::kFailed && error.error_number() != 0 &&
                            !is_lost_connection(error.error_number()));
}

// The runs of a disk as far as it tells them; all else may be data.
class ToldRuns final : public RunCursor {
 public:
  ToldRuns(const Disk& disk, GuestRange range) : rest_(range) {
    try {
      told_ = disk.runs(range);
    } catch (const Error& error) {
      if (!is_unknown(error)) throw;
    }
  }

  std::optional<Run> next() override {
    if (rest_.length == 0) return std::nullopt;
    const Run run = next_told().value_or(Run{.range = rest_, .holds = Run::Holds::kData});
    rest_ = run.range.end() < rest_.end()
                ? GuestRange{run.range.end(), rest_.end() - run.range.end()}
                : GuestRange{rest_.end(), 0};
    return run;
  }

 private:
  std::optional<Run> next_told() {
    if (told_ == nullptr) return std::nullopt;
    try {
      return told_->next();
    } catch (const Error& error) {
      if (!is_unknown(error)) throw;
      told_.reset();
      return std::nullopt;
    }
  }

  GuestRange rest_;
  std::unique_ptr<RunCursor> told_;  // null: it has nothing more to say
};

class SalvagedDisk final : public Disk {
 public:
  SalvagedDisk(std::shared_ptr<const Disk> disk, std::shared_ptr<LostRanges> lost)
      : disk_(std::move(disk)), lost_(std::move(lost)) {}

  [[nodiscard]] const std::string& name() const override { return disk_->name(); }
  [[nodiscard]] std::uint64_t size() const override { return disk_->size(); }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override;
  [[nodiscard]] DiskTraits traits() const override {
    DiskTraits traits = disk_->traits();
    traits.places = DiskTraits::Places::kNone;
    return traits;
  }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override {
    return std::make_unique<ToldRuns>(*disk_, range);
  }
  [[nodiscard]] Run run_at(GuestRange range) const override {
    try {
      Run run = disk_->run_at(range);
      run.where.reset();
      return run;
    } catch (const Error& error) {
      if (!is_unknown(error)) throw;
      return Disk::run_at(range);
    }
  }
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override;
  void will_read(GuestRange range) const noexcept override { disk_->will_read(range); }
  [[nodiscard]] std::optional<DiskStamp> stamp() const override { return disk_->stamp(); }
  void check_unchanged() const override { disk_->check_unchanged(); }
  [[nodiscard]] std::vector<Caveat> caveats() const override { return disk_->caveats(); }
  [[nodiscard]] std::string id_addition() const override;

  [[nodiscard]] bool has_lost_in(GuestRange range) const {
    return lost_->reason_in(range).has_value();
  }

 private:
  void read_in_parts(GuestRange range, std::span<std::byte> buffer) const;
  [[nodiscard]] std::string reason_of(const Error& error) const {
    return error.name() == name() ? error.reason() : error.name() + ": " + error.reason();
  }

  std::shared_ptr<const Disk> disk_;
  std::shared_ptr<LostRanges> lost_;
};

void SalvagedDisk::read(GuestOffset offset, std::span<std::byte> buffer) const {
  while (!buffer.empty()) {
    const LostRanges::Part part = lost_->part_at({offset, buffer.size()});
    const auto out = buffer.first(part.range.length);
    if (part.is_lost) {
      std::ranges::fill(out, std::byte{0});
    } else {
      read_in_parts(part.range, out);
    }
    buffer = buffer.subspan(out.size());
    offset += out.size();
  }
}

void SalvagedDisk::read_in_parts(GuestRange range, std::span<std::byte> buffer) const {
  try {
    return disk_->read(range.begin, buffer);
  } catch (const Error& error) {
    if (!is_loss(error)) throw;
    const std::uint64_t last = range.end().value() - 1;
    if (align_down(range.begin.value(), kUnit) == align_down(last, kUnit)) {
      lost_->add(name(), range, reason_of(error));
      std::ranges::fill(buffer, std::byte{0});
      return;
    }
  }
  std::uint64_t step = kUnit;
  while (step * kParts < range.length) step *= kParts;
  while (range.length > 0) {
    const GuestOffset cut(align_down(range.begin.value() + step, step));
    const GuestRange part = range.take_front(cut - range.begin);
    read_in_parts(part, buffer.first(part.length));
    buffer = buffer.subspan(part.length);
  }
}

// A queue does not say which of its reads has failed. So all that are in flight are done again,
// one after the other, and what follows gets a new queue.
class SalvagingQueue final : public RequestQueue {
 public:
  SalvagingQueue(const SalvagedDisk& disk, const Disk& below)
      : disk_(disk), below_(below), queue_(below.queue()) {}

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
    if (disk_.has_lost_in({offset, buffer.size()})) {
      disk_.read(offset, buffer);
      done_.push_back(tag);
      return;
    }
    in_flight_.push_back({.offset = offset, .buffer = buffer, .tag = tag});
    try {
      queue_->submit(offset, buffer, tag);
    } catch (const Error& error) {
      if (!is_loss(error)) throw;
      start_again();
    }
  }

  std::uint64_t wait() override {
    if (done_.empty()) {
      try {
        const std::uint64_t tag = queue_->wait();
        std::erase_if(in_flight_, [tag](const Request& r) { return r.tag == tag; });
        return tag;
      } catch (const Error& error) {
        if (!is_loss(error)) throw;
        start_again();
      }
    }
    const std::uint64_t tag = done_.front();
    done_.pop_front();
    return tag;
  }

 private:
  struct Request {
    GuestOffset offset;
    std::span<std::byte> buffer;
    std::uint64_t tag = 0;
  };

  void start_again() {
    queue_.reset();  // waits for what it still reads
    for (const Request& request : in_flight_) {
      disk_.read(request.offset, request.buffer);
      done_.push_back(request.tag);
    }
    in_flight_.clear();
    queue_ = below_.queue();
  }

  const SalvagedDisk& disk_;
  const Disk& below_;
  std::vector<Request> in_flight_;
  std::deque<std::uint64_t> done_;  // tags
  std::unique_ptr<RequestQueue> queue_;
};

std::unique_ptr<RequestQueue> SalvagedDisk::queue() const {
  return std::make_unique<SalvagingQueue>(*this, *disk_);
}

std::string SalvagedDisk::id_addition() const {
  std::string text = disk_->id_addition() + "salvaged;";
  for (const LostRange& lost : lost_->all()) {
    text += fmt::format("{}+{};", lost.range.begin.value(), lost.range.length);
  }
  return text;
}

}  // namespace

std::shared_ptr<const Disk> salvaging(std::shared_ptr<const Disk> disk,
                                      std::shared_ptr<LostRanges> lost) {
  return std::make_shared<SalvagedDisk>(std::move(disk), std::move(lost));
}

}  // namespace qcow2stream
