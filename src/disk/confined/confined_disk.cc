// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/confined_disk.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "disk/parts_queue.h"

namespace qcow2stream::confined {
namespace {

class RunsOfDisk final : public RunCursor {
 public:
  RunsOfDisk(const ToldDisk& disk, GuestRange range) : walk_(disk), rest_(range) {}

  std::optional<Run> next() override {
    if (rest_.length == 0) return std::nullopt;
    const ToldRun run = walk_.run_at(rest_);
    rest_ = rest_.without_first(run.range.length);
    return Run{.range = run.range, .holds = data_or_zeros(run.kind != ToldRun::Kind::kZeros)};
  }

 private:
  ToldWalk walk_;
  GuestRange rest_;
};

// Zeros are made, too, by us.
class PartsOfDisk final : public DiskParts {
 public:
  explicit PartsOfDisk(const ConfinedDisk& disk) : disk_(disk), walk_(disk.told()) {}

  DiskPart part_at(GuestRange range) override {
    const ToldRun run = walk_.run_at(range);
    if (run.kind != ToldRun::Kind::kPlain) return {.range = run.range};
    return {.range = run.range, .disk = &disk_.file(), .offset = GuestOffset(run.place)};
  }

  void make(GuestOffset offset, std::span<std::byte> out) override {
    if (walk_.run_at({offset, out.size()}).kind == ToldRun::Kind::kZeros) {
      std::ranges::fill(out, std::byte{0});
    } else {
      disk_.make(offset, out);
    }
  }

 private:
  const ConfinedDisk& disk_;
  ToldWalk walk_;
};

}  // namespace

ConfinedDisk::ConfinedDisk(std::shared_ptr<const Disk> file, std::unique_ptr<ConfinedReader> reader,
                           ToldOpened opened)
    : file_(std::move(file)),
      reader_(std::move(reader)),
      opened_(std::move(opened)),
      told_(*reader_, opened_.size, file_->size()),
      stored_(*reader_, *file_, opened_) {}

void ConfinedDisk::read(GuestOffset offset, std::span<std::byte> buffer) const {
  PartsOfDisk parts(*this);
  while (!buffer.empty()) {
    const DiskPart part = parts.part_at({offset, buffer.size()});
    const auto out = buffer.first(part.range.length);
    if (part.disk == nullptr) {
      parts.make(offset, out);
    } else {
      try {
        part.disk->read(part.offset, out);
      } catch (Error& error) {
        if (holds(part, error)) set_disk_offset(error, part);
        throw;
      }
    }
    buffer = buffer.subspan(out.size());
    offset += out.size();
  }
}

void ConfinedDisk::make(GuestOffset offset, std::span<std::byte> out) const {
  ConfinedReader::Loan channel(*reader_);
  while (!out.empty()) {
    const auto piece = out.first(std::min(out.size(), channel.slot().size()));
    const auto bytes = channel.ask(Ask::kRead, offset.value(), piece.size());
    if (bytes.size() != piece.size()) reader_->refuse_answer();
    std::memcpy(piece.data(), bytes.data(), piece.size());
    out = out.subspan(piece.size());
    offset += piece.size();
  }
}

// As of an image that is read here (Qcow2Disk).
DiskTraits ConfinedDisk::traits() const {
  DiskTraits all = file_->traits();
  if (all.places != DiskTraits::Places::kNone) all.places = DiskTraits::Places::kSome;
  all.knows_zeros = true;
  return all;
}

std::unique_ptr<RunCursor> ConfinedDisk::runs(GuestRange range) const {
  return std::make_unique<RunsOfDisk>(told_, range);
}

Run ConfinedDisk::run_at(GuestRange range) const {
  const ToldRun told = ToldWalk(told_).run_at(range);
  Run run{.range = told.range, .holds = data_or_zeros(told.kind != ToldRun::Kind::kZeros)};
  if (told.kind == ToldRun::Kind::kPlain) {
    const Run there = file_->run_at({GuestOffset(told.place), told.range.length});
    run.range = run.range.first(there.range.length);
    run.holds = there.holds;
    run.where = there.where;
  }
  return run;
}

std::unique_ptr<RequestQueue> ConfinedDisk::queue() const {
  return make_parts_queue(std::make_unique<PartsOfDisk>(*this));
}

void ConfinedDisk::will_read(GuestRange range) const noexcept {
  try {
    ToldWalk walk(told_);
    while (range.length > 0) {
      const ToldRun run = walk.run_at(range);
      range = range.without_first(run.range.length);
      if (run.kind != ToldRun::Kind::kPlain) continue;
      file_->will_read({GuestOffset(run.place), run.range.length});
    }
  } catch (const std::exception&) {
    // Whoever reads it is told.
  }
}

std::optional<DiskStamp> ConfinedDisk::stamp() const {
  auto stamp = file_->stamp();
  if (stamp) stamp->others = opened_.others;
  return stamp;
}

std::vector<Caveat> ConfinedDisk::caveats() const {
  std::vector<Caveat> all = file_->caveats();
  all.insert(all.end(), opened_.caveats.begin(), opened_.caveats.end());
  return all;
}

// --- changes ------------------------------------------------------------------------------------

namespace {

class RunsOfChanges final : public RunCursor {
 public:
  explicit RunsOfChanges(const ConfinedDisk& disk)
      : disk_(disk), rest_{GuestOffset(0), disk.size()} {}

  std::optional<Run> next() override {
    if (at_ == told_.size() && rest_.length > 0) ask();
    if (at_ == told_.size()) return std::nullopt;
    const ToldRun& run = told_[at_++];
    return Run{.range = run.range, .holds = holds_of(run.kind)};
  }

 private:
  static Run::Holds holds_of(ToldRun::Kind kind) {
    if (kind == ToldRun::Kind::kBelow) return Run::Holds::kBelow;
    return data_or_zeros(kind != ToldRun::Kind::kZeros);
  }

  void ask() {
    ConfinedReader::Loan channel(disk_.reader());
    const auto bytes = channel.ask_and_copy(Ask::kChanges, rest_.begin.value(), rest_.length);
    auto runs = read_runs(bytes, rest_, disk_.file().size(), RunsOf::kChanges);
    if (!runs) disk_.reader().refuse_answer();
    told_ = std::move(*runs);
    at_ = 0;
    rest_ = rest_.without_first(told_.back().range.end() - rest_.begin);
  }

  const ConfinedDisk& disk_;
  GuestRange rest_;
  std::vector<ToldRun> told_;
  std::size_t at_ = 0;
};

class ConfinedChanges final : public Changes {
 public:
  explicit ConfinedChanges(std::shared_ptr<const ConfinedDisk> disk) : disk_(std::move(disk)) {}
  [[nodiscard]] std::unique_ptr<RunCursor> runs() const override {
    return std::make_unique<RunsOfChanges>(*disk_);
  }

 private:
  std::shared_ptr<const ConfinedDisk> disk_;
};

}  // namespace

std::shared_ptr<const Changes> confined_changes(std::shared_ptr<const ConfinedDisk> disk) {
  return std::make_shared<ConfinedChanges>(std::move(disk));
}

}  // namespace qcow2stream::confined
