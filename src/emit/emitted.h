// SPDX-License-Identifier: GPL-2.0-or-later
//
// What goes out: an image, or a disk as it is.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"
#include "qcow2stream/image.h"

namespace qcow2stream {

// Makes one segment after the other. Belongs to one thread.
class SegmentCursor {
 public:
  virtual ~SegmentCursor() = default;
  // The next segment, or nothing at the end of the range.
  virtual std::optional<Segment> next() = 0;
};

// All functions are const and may be called by several threads at once.
class Emitted {
 public:
  virtual ~Emitted() = default;

  // In bytes.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  [[nodiscard]] virtual const Disk& disk() const = 0;
  // What of its end nobody may miss without an error: a cluster, of which the last bytes may be
  // padding.
  [[nodiscard]] virtual std::uint64_t unit() const = 0;
  // Whether segments are made at the cost of compressing.
  [[nodiscard]] virtual bool compresses() const = 0;
  // As Image has them. The range lies within size().
  virtual void read(HostOffset offset, std::span<std::byte> buffer) const = 0;
  [[nodiscard]] virtual std::unique_ptr<SegmentCursor> segments(HostRange range) const = 0;
  virtual void read_content(GuestOffset offset, std::span<std::byte> buffer) const = 0;
  virtual void check_left_out() const = 0;
  // As Image has them, of compressed clusters that go out as they lie somewhere.
  [[nodiscard]] virtual bool keeps_compressed() const = 0;
  [[nodiscard]] virtual StoredPart stored_at(HostRange range) const = 0;
  virtual void will_read_stored(HostRange range) const = 0;
  [[nodiscard]] virtual std::optional<HostOffset> root_trailer() const = 0;
  virtual void learn_root(const ContentDigest& root) const = 0;
  // The change of the disk that is behind an error, if there is one: see read_error.h.
  [[nodiscard]] virtual std::optional<Error> change_behind(const Error& error,
                                                           std::uint64_t most) const = 0;
};

class EmittedImage final : public Emitted {
 public:
  // `image` must outlive it.
  explicit EmittedImage(const Image& image) : image_(image) {}

  [[nodiscard]] std::uint64_t size() const override { return image_.size(); }
  [[nodiscard]] const Disk& disk() const override { return image_.disk(); }
  [[nodiscard]] std::uint64_t unit() const override { return image_.options().cluster_size; }
  [[nodiscard]] bool compresses() const override {
    return image_.options().compression.has_value();
  }
  void read(HostOffset offset, std::span<std::byte> buffer) const override {
    image_.read(offset, buffer);
  }
  void read_content(GuestOffset offset, std::span<std::byte> buffer) const override {
    image_.read_content(offset, buffer);
  }
  void check_left_out() const override { image_.check_left_out(); }
  [[nodiscard]] std::unique_ptr<SegmentCursor> segments(HostRange range) const override;
  [[nodiscard]] bool keeps_compressed() const override { return image_.keeps_compressed(); }
  [[nodiscard]] StoredPart stored_at(HostRange range) const override {
    return image_.stored_at(range);
  }
  void will_read_stored(HostRange range) const override { image_.will_read_stored(range); }
  [[nodiscard]] std::optional<HostOffset> root_trailer() const override {
    return image_.root_trailer();
  }
  void learn_root(const ContentDigest& root) const override { image_.learn_root(root); }
  [[nodiscard]] std::optional<Error> change_behind(const Error& error,
                                                   std::uint64_t most) const override;

 private:
  const Image& image_;
};

// The disk, filled up with zeros to whole sectors of 512 bytes.
class EmittedDisk final : public Emitted {
 public:
  // `disk` must outlive it.
  explicit EmittedDisk(const Disk& disk) : disk_(disk) {}

  [[nodiscard]] std::uint64_t size() const override;
  [[nodiscard]] const Disk& disk() const override { return disk_; }
  [[nodiscard]] std::uint64_t unit() const override { return 1; }
  [[nodiscard]] bool compresses() const override { return false; }
  void read(HostOffset offset, std::span<std::byte> buffer) const override;
  void read_content(GuestOffset offset, std::span<std::byte> buffer) const override {
    read(HostOffset(offset.value()), buffer);
  }
  void check_left_out() const override {}
  [[nodiscard]] std::unique_ptr<SegmentCursor> segments(HostRange range) const override;
  [[nodiscard]] bool keeps_compressed() const override { return false; }
  [[nodiscard]] StoredPart stored_at(HostRange range) const override {
    return {.length = range.length};
  }
  void will_read_stored(HostRange /*range*/) const override {}
  [[nodiscard]] std::optional<HostOffset> root_trailer() const override { return std::nullopt; }
  void learn_root(const ContentDigest& /*root*/) const override {}
  [[nodiscard]] std::optional<Error> change_behind(const Error& /*error*/,
                                                   std::uint64_t /*most*/) const override {
    return std::nullopt;
  }

 private:
  const Disk& disk_;
};

}  // namespace qcow2stream
