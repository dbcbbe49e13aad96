// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/served/examine_disk.h"

#include <sys/socket.h>

#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

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
    for (const VolumeRange& range : on_disk(volume_, run)) {
      append({GuestOffset(range.begin.value()), range.length});
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
    return examine(volume, kinds, runs);
  } catch (const Error& error) {
    return kept("it cannot be read: " + error.reason());
  } catch (const std::bad_alloc&) {
    return kept("there is not enough memory to look at it");
  } catch (const std::exception&) {
    return kept("it cannot be looked at");
  }
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
      tell_volume(i, volumes[i]);
    }
    end();
  }

 private:
  void tell_volume(std::uint64_t number, const FoundVolume& volume) {
    tell(number, {.name = volume.name, .size = volume.volume->size()});
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
    // The other side does not keep what was read for it, so others must not rest on that.
    if (finding.kept()) disk_.forget();
  }
  void end() { ask(channel_, Ask::kEnd, 0, 0); }

  const ServedChannel& channel_;
  const DiskToExamine what_;
  ServedDisk disk_;
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
