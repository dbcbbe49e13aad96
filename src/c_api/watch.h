// SPDX-License-Identifier: GPL-2.0-or-later
//
// The library stores how far it is (Progress), and nobody can end what it does. A caller of c.h is
// told, and may want an end: then the next that is asked of a disk, a sink or a target fails.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "qcow2stream/c.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/sink.h"
#include "qcow2stream/target.h"

namespace qcow2stream::c_api {

// Whether the caller wants an end. Any thread may ask.
using CancelFlag = std::atomic<bool>;

// How the caller is told, if he wants to be.
struct Watcher {
  qcow2stream_progress call = nullptr;
  void* context = nullptr;
};

// Where the numbers are that he is told.
struct Numbers {
  const std::atomic<std::uint64_t>& done;
  const std::atomic<std::uint64_t>& total;
};

// Does `work`, in a thread of its own where there is a watcher, who is told in this one. Throws
// what `work` throws, or Cancelled where that was to end.
void watched(const Watcher& watcher, const Numbers& numbers,
             const std::function<void(const CancelFlag& cancelled)>& work);

// The same disk, sink or target, until `cancelled`. They do not outlive what they are made of.
std::unique_ptr<Disk> until_cancelled(const Disk& disk, const CancelFlag& cancelled);
std::unique_ptr<Sink> until_cancelled(Sink& sink, const CancelFlag& cancelled);

// A target that can be cancelled, by whichever call is under way.
class CancellableTarget final : public Target {
 public:
  explicit CancellableTarget(std::unique_ptr<Target> target) : target_(std::move(target)) {}

  // Null: nobody can want an end. Must not be called while others are.
  void listen(const CancelFlag* cancelled) { cancelled_ = cancelled; }

  [[nodiscard]] const std::string& name() const override { return target_->name(); }
  [[nodiscard]] TargetTraits traits() const override { return target_->traits(); }
  void set_size(std::uint64_t size) override { target_->set_size(size); }
  void write(GuestOffset offset, std::span<const std::byte> bytes) override;
  void zero(GuestRange range) override;
  void read(GuestOffset offset, std::span<std::byte> buffer) override;
  void flush() override { target_->flush(); }
  void finish() override { target_->finish(); }
  void drop_cache() override { target_->drop_cache(); }
  [[nodiscard]] std::optional<std::uint64_t> room() const override { return target_->room(); }
  [[nodiscard]] std::uint64_t zeros_at(GuestOffset offset) const override {
    return target_->zeros_at(offset);
  }

 private:
  void check() const;

  std::unique_ptr<Target> target_;
  const CancelFlag* cancelled_ = nullptr;
};

}  // namespace qcow2stream::c_api
