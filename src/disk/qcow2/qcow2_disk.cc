// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qcow2/qcow2_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/endian.h"
#include "digest/hasher.h"
#include "disk/checked_runs.h"
#include "disk/qcow2/chain_queue.h"
#include "disk/qcow2/part_reading.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

// The parts of a chain, and of the bottom what it knows itself.
class ChainRuns final : public RunCursor {
 public:
  ChainRuns(ChainWalk walk, GuestRange range) : walk_(std::move(walk)), rest_(range) {}

  std::optional<Run> next() override {
    if (below_ != nullptr) {
      if (const auto run = below_->next()) return run;
      below_.reset();
    }
    if (rest_.length == 0) return std::nullopt;
    const ChainPart part = walk_.part_at(rest_);
    rest_ = rest_.without_first(part.range.length);
    if (part.kind == ChainPart::Kind::kBottom) {
      below_ = checked_runs(part.disk->runs(part.range), part.range);
      return next();
    }
    return Run{.range = part.range, .holds = holds(part.kind)};
  }

 private:
  static Run::Holds holds(ChainPart::Kind kind) {
    if (kind == ChainPart::Kind::kBelow) return Run::Holds::kBelow;
    return data_or_zeros(kind != ChainPart::Kind::kZeros);
  }

  ChainWalk walk_;
  GuestRange rest_;
  std::unique_ptr<RunCursor> below_;  // within the bottom
};

// Never 0, which says that there is nothing.
std::uint64_t checksum(const std::string& text) {
  const auto hash = make_hasher(DigestAlgorithm::kSha256);
  hash->update(std::as_bytes(std::span(text)));
  return std::max<std::uint64_t>(load_big<std::uint64_t>(hash->finish().data()), 1);
}

class ChangesOfTop final : public Changes {
 public:
  ChangesOfTop(std::shared_ptr<const Qcow2Disk> disk, std::size_t images)
      : disk_(std::move(disk)), images_(images) {}

  [[nodiscard]] std::unique_ptr<RunCursor> runs() const override {
    return std::make_unique<ChainRuns>(ChainWalk::of_top(disk_->chain(), images_),
                                       GuestRange{GuestOffset(0), disk_->size()});
  }

 private:
  std::shared_ptr<const Qcow2Disk> disk_;
  std::size_t images_;
};

}  // namespace

Qcow2Disk::Qcow2Disk(Qcow2Chain chain) : chain_(std::move(chain)), stored_(chain_) {}

void Qcow2Disk::read(GuestOffset offset, std::span<std::byte> buffer) const {
  ChainWalk walk(chain_);
  while (!buffer.empty()) {
    const ChainPart part = walk.part_at({offset, buffer.size()});
    read_part(chain_, part, buffer.first(part.range.length));
    buffer = buffer.subspan(part.range.length);
    offset += part.range.length;
  }
}

DiskTraits Qcow2Disk::traits() const {
  DiskTraits all = chain_.images.front()->data().traits();
  all.places = DiskTraits::Places::kNone;
  for (const Disk* file : chain_.files()) {
    const DiskTraits one = file->traits();
    if (one.places != DiskTraits::Places::kNone) all.places = DiskTraits::Places::kSome;
    all.request_size = std::max(all.request_size, one.request_size);
    all.requests_in_flight = std::min(all.requests_in_flight, one.requests_in_flight);
    all.queues = std::min(all.queues, one.queues);
  }
  // Compressed clusters lie nowhere as they are, and zeros are not written anywhere.
  all.knows_zeros = true;
  return all;
}

std::unique_ptr<RunCursor> Qcow2Disk::runs(GuestRange range) const {
  return std::make_unique<ChainRuns>(ChainWalk(chain_), range);
}

Run Qcow2Disk::run_at(GuestRange range) const {
  const ChainPart part = ChainWalk(chain_).part_at(range);
  Run run{.range = part.range, .holds = Run::Holds::kData};
  if (part.kind == ChainPart::Kind::kZeros || part.kind == ChainPart::Kind::kBelow) {
    run.holds = Run::Holds::kZeros;
  } else if (part.disk != nullptr) {
    const Run there = part.disk->run_at({part.offset, part.range.length});
    run.range = run.range.first(there.range.length);
    run.holds = there.holds;
    run.where = there.where;
  }
  return run;
}

std::unique_ptr<RequestQueue> Qcow2Disk::queue() const {
  return make_chain_queue(chain_);
}

// Compressed data, too, is announced where it lies.
void Qcow2Disk::will_read(GuestRange range) const noexcept {
  try {
    ChainWalk walk(chain_);
    while (range.length > 0) {
      const ChainPart part = walk.part_at(range);
      range = range.without_first(part.range.length);
      if (part.disk != nullptr) part.disk->will_read({part.offset, part.range.length});
      if (part.image != nullptr) {
        const HostRange blob = part.extent.blob;
        const Disk& file = part.image->file();
        const GuestRange there{GuestOffset(blob.begin.value()), blob.length};
        file.will_read(there.first(file.size() - blob.begin.value()));
      }
    }
  } catch (const std::exception&) {
    // Whoever reads it is told.
  }
}

// Nothing where one of the files has none: then overwritten data may not be seen.
std::optional<DiskStamp> Qcow2Disk::stamp() const {
  std::optional<DiskStamp> first;
  std::string others = chain_.snapshot;
  for (const Disk* file : chain_.files()) {
    const auto stamp = file->stamp();
    if (!stamp) return std::nullopt;
    if (!first) {
      first = stamp;
    } else {
      others += fmt::format("{}-{};", stamp->size, stamp->mtime_ns);
    }
  }
  if (first && !others.empty()) first->others = checksum(others);
  return first;
}

void Qcow2Disk::check_unchanged() const {
  for (const Disk* file : chain_.files()) file->check_unchanged();
}

std::vector<Caveat> Qcow2Disk::caveats() const {
  std::vector<Caveat> all = chain_.caveats;
  for (const Disk* file : chain_.files()) {
    for (Caveat& caveat : file->caveats()) {
      if (file != &top().file()) caveat.text = file->name() + ": " + caveat.text;
      all.push_back(std::move(caveat));
    }
  }
  for (const auto& image : chain_.images) {
    if ((image->header().incompatible_features & qcow2::kIncompatibleCorrupt) == 0) continue;
    all.push_back({"is marked as corrupt; qemu-img check says what is wrong with it"});
  }
  return all;
}

std::shared_ptr<const Changes> changes_of_top(std::shared_ptr<const Qcow2Disk> disk,
                                              std::size_t images) {
  return std::make_shared<ChangesOfTop>(std::move(disk), images);
}

}  // namespace qcow2stream
