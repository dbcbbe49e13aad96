// SPDX-License-Identifier: GPL-2.0-or-later
//
// What has become of the output of a run that did not get to its end, and how to go on.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "common/destination.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2stream/image.h"
#include "qcow2stream/progress.h"

namespace qcow2stream::cli {

// The output while it is written. Thread-safe.
class OutputInProgress {
 public:
  explicit OutputInProgress(const Progress& progress) : progress_(progress) {}

  // From here on `range` of `image`, or without one of the disk, goes to `destination`, which stays
  // as long as this. `wanted` is how the range was asked for. `comes_again`: the disk can be read
  // from its beginning once more.
  void begin(std::shared_ptr<const Image> image, HostRange range, const WantedRange& wanted,
             bool comes_again, Destination& destination);
  // All of it is written.
  void end();

  // Writes nothing more from here on, so that the image does not get complete, and what the note
  // says of a file or device stays true. For a process that is about to end: whoever writes waits
  // for ever.
  void stop();

  // What the reader of the output has to know, to be put behind a message; empty where nothing was
  // begun. With `discard` what there is is worth nothing, else it says how to go on. Does not take
  // long with `quickly`, and leaves the image-id out for that.
  [[nodiscard]] std::string note(bool discard, bool quickly) const;

 private:
  [[nodiscard]] std::string way_to_go_on(std::uint64_t done, bool quickly) const;

  const Progress& progress_;
  mutable std::mutex mutex_;  // guards what follows
  bool is_under_way_ = false;
  std::shared_ptr<const Image> image_;
  HostRange range_;
  WantedRange wanted_;
  bool comes_again_ = false;
  Destination* destination_ = nullptr;
};

}  // namespace qcow2stream::cli
