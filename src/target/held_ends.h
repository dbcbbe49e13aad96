// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/target.h"

namespace qcow2stream {

// Stands before a target that keeps failures, so that what a failed restore leaves does not look
// like a disk, neither the new one nor the old one: the partition tables and most signatures of
// file systems lie in the first MiB of a device and in its last. set_size() makes these zeros, on
// stable storage, before anything else is written. What is written to them is kept in memory, and
// reaches the target in finish(), when all the rest is on stable storage, and its first block when
// all the others are.
//
// A target that is larger than the disk keeps what lies behind the disk: that part of its ends is
// read before it is blanked, kept, and written back in finish(). Of a target that cannot be read,
// such a part is left alone from the beginning.
class HeldEnds final : public Target {
 public:
  static constexpr std::uint64_t kEnd = 1 << 20;  // bytes at each end

  // `inner` must outlive it, and nobody else may use it meanwhile.
  explicit HeldEnds(Target& inner) : inner_(inner) {}

  [[nodiscard]] const std::string& name() const override { return inner_.name(); }
  [[nodiscard]] TargetTraits traits() const override { return inner_.traits(); }
  void set_size(std::uint64_t size) override;
  void write(GuestOffset offset, std::span<const std::byte> bytes) override;
  void zero(GuestRange range) override;
  void read(GuestOffset offset, std::span<std::byte> buffer) override;
  // All but the ends.
  void flush() override { inner_.flush(); }
  void finish() override;
  void drop_cache() override { inner_.drop_cache(); }
  [[nodiscard]] std::optional<std::uint64_t> room() const override { return inner_.room(); }

 private:
  // Blocks of this size that hold nothing but the zeros of the beginning are not written, so that a
  // thin target stays thin.
  static constexpr std::uint64_t kBlock = 4096;

  // What one end of the target is going to hold.
  struct End {
    GuestRange range;
    std::vector<std::byte> bytes;
    std::array<std::atomic<bool>, kEnd / kBlock> written{};

    [[nodiscard]] GuestRange overlap(GuestRange other) const;
    // The part of `bytes` for a range that lies within the end.
    [[nodiscard]] std::span<std::byte> at(GuestRange part);
    void mark(GuestRange part);
  };

  void begin(std::uint64_t size);
  void hold(GuestRange range, std::uint64_t size);
  bool write_back(End& end, GuestRange range);
  template <class Held, class Direct>
  void divide(GuestRange range, const Held& held, const Direct& direct);

  Target& inner_;
  bool has_begun_ = false;
  std::uint64_t size_ = 0;                  // of the disk
  std::vector<std::unique_ptr<End>> ends_;  // in ascending order; none once they are written
};

}  // namespace qcow2stream
