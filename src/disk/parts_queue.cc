// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/parts_queue.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

class PartsQueue final : public RequestQueue {
 public:
  explicit PartsQueue(std::unique_ptr<DiskParts> all) : all_(std::move(all)) {}

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
    submit_parts(offset, buffer, tag,
                 [this](GuestOffset at, std::span<std::byte> out) { all_->make(at, out); });
  }

  void submit_probe(GuestRange cluster, std::span<std::byte> buffer, std::uint64_t tag) override {
    submit_parts(cluster.begin, buffer, tag, [&](GuestOffset at, std::span<std::byte> out) {
      all_->make_probe(cluster, at, out);
    });
  }

  std::uint64_t wait() override {
    while (done_.empty()) wait_for_file(busy_file());
    const std::uint64_t tag = done_.front();
    done_.pop_front();
    return tag;
  }

 private:
  template <class Make>
  void submit_parts(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag,
                    const Make& make) {
    const std::size_t request = take_request(tag);
    while (!buffer.empty()) {
      const DiskPart part = all_->part_at({offset, buffer.size()});
      const auto out = buffer.first(part.range.length);
      if (part.disk != nullptr) {
        send(part, out, request);
      } else {
        make(offset, out);
      }
      buffer = buffer.subspan(out.size());
      offset += out.size();
    }
    part_is_done(request);  // the one that stands for submitting
  }

  struct Request {
    std::uint64_t tag = 0;
    std::size_t parts = 0;  // that are not there yet
  };
  struct File {
    const Disk* disk = nullptr;
    std::size_t most = 1;  // requests in flight
    std::size_t in_flight = 0;
    std::unique_ptr<RequestQueue> queue;
  };
  // Of a request, in flight to a file.
  struct Part {
    std::size_t request = 0;
    const File* file = nullptr;  // null: it is not in flight
    DiskPart part;
  };

  std::size_t take_request(std::uint64_t tag) {
    if (free_.empty()) {
      free_.push_back(requests_.size());
      requests_.emplace_back();
    }
    const std::size_t request = free_.back();
    free_.pop_back();
    requests_[request] = {.tag = tag, .parts = 1};
    return request;
  }

  void send(const DiskPart& part, std::span<std::byte> out, std::size_t request) {
    File& file = file_of(*part.disk);
    while (file.in_flight >= file.most) wait_for_file(file);
    const std::size_t tag = take_part();
    parts_[tag] = {.request = request, .file = &file, .part = part};
    ++requests_[request].parts;
    ++file.in_flight;
    file.queue->submit(part.offset, out, tag);
  }

  std::size_t take_part() {
    if (free_parts_.empty()) {
      free_parts_.push_back(parts_.size());
      parts_.emplace_back();
    }
    const std::size_t part = free_parts_.back();
    free_parts_.pop_back();
    return part;
  }

  File& file_of(const Disk& disk) {
    for (File& file : files_) {
      if (file.disk == &disk) return file;
    }
    files_.push_back({.disk = &disk,
                      .most = std::max(1U, disk.traits().requests_in_flight),
                      .queue = disk.queue()});
    return files_.back();
  }

  // The one with the most in flight: it is the least likely to keep us waiting.
  File& busy_file() { return *std::ranges::max_element(files_, {}, &File::in_flight); }

  void wait_for_file(File& file) {
    std::size_t tag = 0;
    try {
      tag = file.queue->wait();
    } catch (Error& error) {
      if (const Part* part = part_with(file, error)) set_disk_offset(error, part->part);
      throw;
    }
    --file.in_flight;
    parts_[tag].file = nullptr;
    free_parts_.push_back(tag);
    part_is_done(parts_[tag].request);
  }

  // The file names the place of an error in its own bytes.
  [[nodiscard]] const Part* part_with(const File& file, const Error& error) const {
    for (const Part& part : parts_) {
      if (part.file == &file && holds(part.part, error)) return &part;
    }
    return nullptr;
  }

  void part_is_done(std::size_t request) {
    if (--requests_[request].parts > 0) return;
    done_.push_back(requests_[request].tag);
    free_.push_back(request);
  }

  std::unique_ptr<DiskParts> all_;
  std::vector<Request> requests_;
  std::vector<std::size_t> free_;  // of them
  std::vector<Part> parts_;
  std::vector<std::size_t> free_parts_;
  std::deque<std::uint64_t> done_;  // tags
  std::deque<File> files_;          // those that were asked for; references stay valid
};

}  // namespace

bool holds(const DiskPart& part, const Error& error) {
  const auto offset = error.offset();
  return offset && *offset >= part.offset.value() &&
         *offset - part.offset.value() < part.range.length;
}

void set_disk_offset(Error& error, const DiskPart& part) {
  error.at(part.range.begin.value() + (*error.offset() - part.offset.value()));
}

std::unique_ptr<RequestQueue> make_parts_queue(std::unique_ptr<DiskParts> parts) {
  return std::make_unique<PartsQueue>(std::move(parts));
}

}  // namespace qcow2stream
