// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs a fuzzer's inputs without a fuzzer:
//   NAME-replay [--random N] [FILE-OR-DIRECTORY]...
// and N inputs of random bytes, always the same. A failure aborts, and the input's name stands
// above.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& name, const std::vector<std::uint8_t>& bytes) {
  std::printf("%s\n", name.c_str());
  std::fflush(stdout);
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void run_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
    std::exit(1);
  }
  run(path.string(), {std::istreambuf_iterator<char>(file), {}});
}

void run_random(unsigned count) {
  for (unsigned seed = 1; seed <= count; ++seed) {
    std::mt19937 random(seed);
    std::vector<std::uint8_t> bytes(random() % 100);
    std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random()); });
    run("random input " + std::to_string(seed), bytes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path(argv[i]);
    if (path == "--random" && i + 1 < argc) {
      run_random(static_cast<unsigned>(std::atoi(argv[++i])));
    } else if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::directory_iterator(path)) {
        run_file(entry.path());
        ++files;
      }
    } else {
      run_file(path);
      ++files;
    }
  }
  std::printf("%zu files\n", files);
  return files > 0 ? 0 : 1;
}
