// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/side_file.h"
#include "qcow2-to-stdout/job.h"
#include "qcow2stream/digest.h"

namespace qcow2stream::cli {

// The algorithms of all --digest, each of them once.
std::vector<DigestAlgorithm> algorithms_of(std::span<const DigestRequest> requests);

// Where the lines of --digest go. `job` must outlive it.
class DigestFiles {
 public:
  // Opens the files, and leaves what is in them. Throws Error.
  DigestFiles(const BesideJob& job, Ends& ends);

  // The image is about to be written, so old digests are worth nothing.
  void begin();
  // One line for each --digest that has a file, in their order; and for those that have none, to
  // standard error. `digests` has all of their algorithms. Both throw Error.
  void write(std::span<const Digest> digests);
  void print(std::span<const Digest> digests);
  // Without it no digest stays in a file.
  void keep();

 private:
  static constexpr std::size_t kStderr = ~std::size_t{0};

  std::size_t open(const std::string& path, Ends& ends);
  [[nodiscard]] std::string line_of(const DigestRequest& request,
                                    std::span<const Digest> digests) const;

  const BesideJob& job_;
  std::vector<SideFile> files_;       // each of them once
  std::vector<std::size_t> targets_;  // of each request: which file
};

}  // namespace qcow2stream::cli
