// SPDX-License-Identifier: GPL-2.0-or-later

#include "c_api/own_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/errors.h"
#include "c_api/error.h"
#include "qcow2stream/error.h"

namespace qcow2stream::c_api {
namespace {

using Functions = qcow2stream_disk_functions;

// What a caller of the first version knows of.
constexpr std::size_t kFewestBytes = sizeof(Functions);

// As far as the caller knows of them; all others are null.
Functions known_part(const Functions& functions) {
  Functions known{};
  std::memcpy(&known, &functions, std::min(functions.struct_size, sizeof known));
  return known;
}

// What the functions of the caller return, or throw if they are in C++.
template <class Call>
int result_of(const Call& call) {
  try {
    return call();
  } catch (...) {
    return EIO;
  }
}

class OwnDisk final : public Disk {
 public:
  OwnDisk(const Functions& functions, void* context, std::string name, std::uint64_t size)
      : functions_(functions), context_(context), name_(std::move(name)), size_(size) {}
  ~OwnDisk() override {
    if (functions_.close == nullptr) return;
    result_of([this] {
      functions_.close(context_);
      return 0;
    });
  }
  OwnDisk(const OwnDisk&) = delete;
  OwnDisk& operator=(const OwnDisk&) = delete;

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] DiskTraits traits() const override {
    return {.knows_zeros = functions_.run != nullptr};
  }

  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    const int failure = result_of(
        [&] { return functions_.read(context_, offset.value(), buffer.data(), buffer.size()); });
    if (failure != 0) throw failed("read failed", failure).at(offset.value());
  }

  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override;

  // What `range`, which is not empty, begins with.
  [[nodiscard]] Run first_run(GuestRange range) const {
    std::uint64_t length = 0;
    bool is_zeros = false;
    const int failure = result_of(
        [&] { return functions_.run(context_, range.begin.value(), &length, &is_zeros); });
    if (failure != 0) {
      throw failed("asking for its zeros failed", failure).at(range.begin.value());
    }
    if (length == 0) {
      throw Error(ErrorKind::kFailed, name_, "asking for its zeros failed", "the run is empty")
          .about(ErrorSubject::kDisk)
          .at(range.begin.value());
    }
    return {.range = range.first(length), .holds = data_or_zeros(!is_zeros)};
  }

  void check_unchanged() const override {
    if (functions_.has_changed == nullptr) return;
    bool has_changed = false;
    const int failure = result_of([&] { return functions_.has_changed(context_, &has_changed); });
    if (failure != 0) throw failed("asking whether it has changed failed", failure);
    if (has_changed) {
      throw Error(ErrorKind::kChanged, name_, "changed while it was read", "it says so")
          .about(ErrorSubject::kDisk);
    }
  }

 private:
  [[nodiscard]] Error failed(const char* what, int number) const {
    return system_error(name_, what, number).about(ErrorSubject::kDisk);
  }

  Functions functions_;
  void* context_;
  std::string name_;
  std::uint64_t size_;
};

class OwnRuns final : public RunCursor {
 public:
  OwnRuns(const OwnDisk& disk, GuestRange range) : disk_(disk), rest_(range) {}

  std::optional<Run> next() override {
    if (rest_.length == 0) return std::nullopt;
    const Run run = disk_.first_run(rest_);
    rest_ = rest_.without_first(run.range.length);
    return run;
  }

 private:
  const OwnDisk& disk_;
  GuestRange rest_;
};

std::unique_ptr<RunCursor> OwnDisk::runs(GuestRange range) const {
  if (functions_.run == nullptr) return Disk::runs(range);
  return std::make_unique<OwnRuns>(*this, range);
}

}  // namespace

std::shared_ptr<const Disk> open_own_disk(const qcow2stream_disk_functions& functions,
                                          void* context, std::string name, std::uint64_t size) {
  if (functions.struct_size < kFewestBytes) {
    refuse_use("struct_size", "it is not sizeof(qcow2stream_disk_functions)");
  }
  const Functions known = known_part(functions);
  if (known.read == nullptr) refuse_use("read", "it is NULL");
  return std::make_shared<const OwnDisk>(known, context, std::move(name), size);
}

}  // namespace qcow2stream::c_api
