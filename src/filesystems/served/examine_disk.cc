// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/served/examine_disk.h"

#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filesystems/examine.h"
#include "filesystems/finding.h"
#include "filesystems/served/served_disk.h"
#include "filesystems/volumes.h"
#include "leave_out/told_volumes.h"
#include "qcow2stream/error.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

using confined::Ask;
using confined::kSlotBytes;
using confined::Request;
using confined::ServedChannel;

// Collects the runs of one volume and tells them as runs of the disk.
class ToldRuns final : public FreeRuns {
 public:
  ToldRuns(const ServedChannel& channel, const FoundVolume& volume)
      : channel_(channel), volume_(volume) {
    static_assert(bytes_of_unused(kMostUnusedRuns) <= kSlotBytes);
  }

  void add(VolumeRange run, LeftOutKind kind) override {
    if (kind != kind_) flush();
    kind_ = kind;
    for (const VolumePiece& piece : volume_.pieces) {
      const VolumeOffset end = piece.in_volume + piece.on_disk.length;
      if (run.begin >= end || run.end() <= piece.in_volume) continue;
      const VolumeOffset from = std::max(run.begin, piece.in_volume);
      const VolumeOffset to = std::min(run.end(), end);
      append({GuestOffset(piece.on_disk.begin.value() + (from - piece.in_volume)), to - from});
    }
  }

  void flush() {
    if (runs_.empty()) return;
    write_unused(runs_, channel_.slot);
    ask(channel_, Ask::kUnused, static_cast<std::uint64_t>(kind_), bytes_of_unused(runs_.size()));
    runs_.clear();
  }

 private:
  void append(GuestRange run) {
    if (!runs_.empty() && runs_.back().end() == run.begin) {
      runs_.back().length += run.length;
      return;
    }
    if (runs_.size() == kMostUnusedRuns) flush();
    runs_.push_back(run);
  }

  const ServedChannel& channel_;
  const FoundVolume& volume_;
  LeftOutKind kind_ = LeftOutKind::kFree;
  std::vector<GuestRange> runs_;
};

Finding kept(std::string because) {
  return {.format = "unknown", .kept_because = std::move(because)};
}

// What goes wrong with one volume is a reason to keep it, and no more.
Finding finding_of(const FoundVolume& volume, Kinds kinds, ToldRuns& runs) {
  try {
    return examine(*volume.volume, kinds, runs);
  } catch (const Error& error) {
    return kept("it cannot be read: " + error.reason());
  } catch (const std::bad_alloc&) {
    return kept("there is not enough memory to look at it");
  } catch (const std::exception&) {
    return kept("it cannot be looked at");
  }
}

bool meet(const FoundVolume& one, const FoundVolume& other) {
  return std::ranges::any_of(one.pieces, [&](const VolumePiece& a) {
    return std::ranges::any_of(other.pieces, [&](const VolumePiece& b) {
      return a.on_disk.begin < b.on_disk.end() && b.on_disk.begin < a.on_disk.end();
    });
  });
}

// Another one that claims bytes of the same: then nobody knows whose they are.
const FoundVolume* rival_of(const FoundVolume& volume, const std::vector<FoundVolume>& all) {
  const auto rival = std::ranges::find_if(
      all, [&](const FoundVolume& other) { return &other != &volume && meet(volume, other); });
  return rival == all.end() ? nullptr : &*rival;
}

class Teller {
 public:
  Teller(const ServedChannel& channel, const DiskToExamine& what)
      : channel_(channel), what_(what), disk_(channel, what.disk_size) {}

  void tell_all() {
    std::vector<FoundVolume> volumes;
    try {
      volumes = find_volumes(disk_);
    } catch (const Error& error) {
      tell(0, {.name = "disk", .size = what_.disk_size});
      tell(kept("its partitions cannot be read: " + error.reason()));
      end();
      return;
    }
    for (std::uint64_t i = what_.first_volume; i < volumes.size(); ++i) {
      tell_volume(i, volumes[i], rival_of(volumes[i], volumes));
    }
    end();
  }

 private:
  void tell_volume(std::uint64_t number, const FoundVolume& volume, const FoundVolume* rival) {
    tell(number, {.name = volume.name, .size = volume.volume->size()});
    if (rival != nullptr) {
      tell(kept("its place is also that of " + rival->name));
      return;
    }
    ToldRuns runs(channel_, volume);
    const Finding finding = finding_of(volume, what_.kinds, runs);
    if (!finding.kept()) runs.flush();
    tell(finding);
  }

  void tell(std::uint64_t number, const ToldVolume& volume) {
    ask(channel_, Ask::kVolume, number, write_volume(volume, channel_.slot));
  }
  void tell(const Finding& finding) {
    ask(channel_, Ask::kFound, 0, write_finding(finding, channel_.slot));
  }
  void end() { ask(channel_, Ask::kEnd, 0, 0); }

  const ServedChannel& channel_;
  const DiskToExamine what_;
  const ServedDisk disk_;
};

}  // namespace

void examine_disk(std::span<const ServedChannel> channels) {
  if (channels.size() != 1) return;
  const ServedChannel& channel = channels.front();
  Request request;
  const ssize_t n = uninterrupted(
      [&] { return ::recv(channel.socket.get(), &request, sizeof request, MSG_TRUNC); });
  if (n != sizeof request || request.ask != Ask::kExamine || request.length > kSlotBytes) return;
  const auto what = read_disk_to_examine(channel.slot.first(request.length));
  if (what) Teller(channel, *what).tell_all();
}

}  // namespace qcow2stream
