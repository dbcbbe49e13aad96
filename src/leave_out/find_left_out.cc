// SPDX-License-Identifier: GPL-2.0-or-later
//
// Our side of the examination: we hand out bytes of the disk, and take what the confined program
// says of them. It is believed only as far as it makes sense. If it dies in the middle of a volume,
// all of that is in use, and another process goes on with the next one.

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "disk/confined/confined_process.h"
#include "disk/confined/program_file.h"
#include "leave_out/found_left_out.h"
#include "leave_out/rests_on.h"
#include "leave_out/told_volumes.h"
#include "leave_out/unused_units.h"
#include "qcow2stream/error.h"
#include "qcow2stream/leave_out.h"

namespace qcow2stream {
namespace {

using confined::Answer;
using confined::Ask;
using confined::ConfinedProcess;
using confined::kProtocol;
using confined::kSlotBytes;
using confined::Request;
using std::chrono::steady_clock;

// After so many that died nothing more is tried.
constexpr int kMostProcesses = 8;

// What all of the program's own work may take beside the timeout: reading a megabyte of metadata
// takes a thousandth of that.
constexpr std::chrono::milliseconds kTimeForServedMiB{100};

class Examination {
 public:
  Examination(const Disk& disk, const LeaveOutOptions& options)
      : options_(options),
        disk_(disk),
        units_(geometry_of_units(options.unit),
               geometry_of_units(options.unit).clusters_for(disk_.size())) {}

  std::shared_ptr<const LeftOut> run() {
    const std::string program = confined::program_file(options_.program, disk_.name());
    for (int processes = 0; processes < kMostProcesses && !is_complete_; ++processes) {
      const ConfinedProcess process({.program = program,
                                     .name = disk_.name(),
                                     .work = confined::Work::kExamine,
                                     .channels = 1,
                                     .timeout = options_.timeout});
      const std::size_t had = volumes_.size();
      try {
        take_all(process);
      } catch (const ProcessFailed& failed) {
        give_up_volume(failed.reason);
        if (volumes_.size() == had) break;  // it has not got to a volume
      }
    }
    if (!is_complete_) {
      volumes_.push_back({.name = volumes_.empty() ? "disk" : "the rest of the disk",
                          .format = "unknown",
                          .kept_because = why_incomplete_,
                          .has_failed = true});
    }
    return std::make_shared<FoundLeftOut>(FoundLeftOut::Parts{.disk_size = disk_.size(),
                                                              .units = units_.finish(),
                                                              .volumes = std::move(volumes_),
                                                              .rests_on = rests_on_.finish()});
  }

 private:
  // What the process has failed of.
  struct ProcessFailed {
    std::string reason;
  };

  struct OpenVolume {
    OpenVolume(const ToldVolume& told_volume, std::uint64_t disk_size, std::uint64_t unit,
               std::size_t ranges)
        : volume{.name = told_volume.name, .size = told_volume.size},
          units(disk_size, unit),
          rests_on_before(ranges) {}

    ExaminedVolume volume;
    UnusedUnits units;
    std::uint64_t told = 0;             // bytes
    const std::size_t rests_on_before;  // ranges
  };

  [[noreturn]] static void refuse() { throw ProcessFailed{"what was said of it makes no sense"}; }

  void take_all(const ConfinedProcess& process) {
    try {
      const std::size_t size =
          write_disk_to_examine({.disk_size = disk_.size(),
                                 .kinds = {.free = options_.free, .swap = options_.swap},
                                 .first_volume = volumes_.size()},
                                process.slot(0));
      process.send(0, Request{.ask = Ask::kExamine, .length = size});
      while (!is_complete_) take(process, next_request(process));
    } catch (const Error& error) {
      throw ProcessFailed{error.reason()};
    }
  }

  // The disk may take as long as it likes, the program may not.
  Request next_request(const ConfinedProcess& process) {
    const auto begin = steady_clock::now();
    const auto request = process.receive<Request>(0);
    computed_ += steady_clock::now() - begin;
    const auto most = options_.timeout + kTimeForServedMiB * (served_bytes_ >> 20);
    if (computed_ > most) throw ProcessFailed{"looking at it took too long"};
    if (request.protocol != kProtocol) refuse();
    return request;
  }

  void take(const ConfinedProcess& process, const Request& request) {
    if (request.ask == Ask::kBytes) {
      process.send(0, serve(request, process.slot(0)));
      return;
    }
    if (request.length > kSlotBytes) refuse();
    // Copied, so that they stay as they are.
    const auto told = process.slot(0).first(request.length);
    const std::vector<std::byte> words(told.begin(), told.end());
    switch (request.ask) {
      case Ask::kVolume:
        begin_volume(request.begin, words);
        break;
      case Ask::kUnused:
        take_unused(request.begin, words);
        break;
      case Ask::kFound:
        end_volume(words);
        break;
      case Ask::kEnd:
        if (open_) refuse();
        is_complete_ = true;
        break;
      default:
        refuse();
    }
    process.send(0, Answer{});
  }

  Answer serve(const Request& request, std::span<std::byte> slot) {
    const std::uint64_t size = disk_.size();
    if (request.begin > size || request.length > size - request.begin || request.length == 0 ||
        request.length > slot.size()) {
      refuse();
    }
    // The program can write to the slot: what is hashed is what was read.
    static_assert(kSlotBytes <= kMostHeldBytes);
    bytes_.resize(request.length);
    served_bytes_ += request.length;
    try {
      disk_.read(GuestOffset(request.begin), bytes_);
    } catch (const Error&) {
      return {.say = confined::Say::kError};
    }
    if (!rests_on_.add(GuestOffset(request.begin), bytes_)) {
      throw ProcessFailed{"too much of it would have to be read"};
    }
    std::memcpy(slot.data(), bytes_.data(), bytes_.size());
    return {.bytes = bytes_.size()};
  }

  void begin_volume(std::uint64_t number, std::span<const std::byte> words) {
    const auto volume = read_volume(words);
    if (open_ || !volume || number != volumes_.size() || number >= kMostVolumes) refuse();
    open_.emplace(*volume, disk_.size(), options_.unit, rests_on_.count());
  }

  void take_unused(std::uint64_t kind, std::span<const std::byte> words) {
    const auto runs = read_unused(words, disk_.size());
    const bool is_swap = kind == static_cast<std::uint64_t>(LeftOutKind::kSwap);
    const bool is_free = kind == static_cast<std::uint64_t>(LeftOutKind::kFree);
    const bool is_asked = (is_swap && options_.swap) || (is_free && options_.free);
    if (!open_ || !runs || !is_asked) refuse();
    for (const GuestRange& run : *runs) {
      // Runs never overlap, so there is an end to them.
      if (run.length > disk_.size() - open_->told) refuse();
      open_->told += run.length;
      open_->units.add(run, static_cast<LeftOutKind>(kind));
    }
  }

  void end_volume(std::span<const std::byte> words) {
    const auto finding = read_finding(words);
    if (!open_ || !finding) refuse();
    ExaminedVolume& volume = open_->volume;
    volume.format = finding->format;
    volume.label = finding->name;
    volume.used = finding->used;
    volume.free = finding->free;
    volume.kept_because = finding->kept_because;
    volume.remedy = finding->remedy;
    if (finding->kept()) {
      rests_on_.keep_first(open_->rests_on_before);
    } else {
      leave_out(*open_->units.finish(), volume);
    }
    volumes_.push_back(std::move(volume));
    open_.reset();
  }

  void leave_out(const ClusterMap& units, ExaminedVolume& volume) {
    copy_units(units, ClusterKind::kData, units_);
    copy_units(units, ClusterKind::kZero, units_);
    volume.left_free = bytes_of_units(units, ClusterKind::kData, disk_.size());
    volume.left_swap = bytes_of_units(units, ClusterKind::kZero, disk_.size());
  }

  void give_up_volume(const std::string& reason) {
    why_incomplete_ = reason;
    if (!open_) return;
    rests_on_.keep_first(open_->rests_on_before);
    open_->volume.format = "unknown";
    open_->volume.kept_because = reason;
    open_->volume.has_failed = true;
    volumes_.push_back(std::move(open_->volume));
    open_.reset();
  }

  const LeaveOutOptions& options_;
  const Disk& disk_;
  ClusterMapBuilder units_;
  std::vector<ExaminedVolume> volumes_;
  RestsOn rests_on_;
  std::optional<OpenVolume> open_;
  std::vector<std::byte> bytes_;
  std::uint64_t served_bytes_ = 0;
  steady_clock::duration computed_{};
  bool is_complete_ = false;
  std::string why_incomplete_;
};

}  // namespace

std::shared_ptr<const LeftOut> find_left_out(const Disk& disk, const LeaveOutOptions& options) {
  return Examination(disk, options).run();
}

std::shared_ptr<const LeftOut> nothing_left_out(const Disk& disk, std::string kept_because,
                                                std::string remedy) {
  const qcow2::Geometry geometry;
  ClusterMapBuilder nothing(geometry, geometry.clusters_for(disk.size()));
  return std::make_shared<FoundLeftOut>(
      FoundLeftOut::Parts{.disk_size = disk.size(),
                          .units = nothing.finish(),
                          .volumes = {{.name = "disk",
                                       .size = disk.size(),
                                       .format = "unknown",
                                       .kept_because = std::move(kept_because),
                                       .remedy = std::move(remedy)}},
                          .rests_on = {}});
}

}  // namespace qcow2stream
