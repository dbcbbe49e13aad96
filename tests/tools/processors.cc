// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whether every codec makes the same bytes on lesser processors. The libraries choose among
// implementations by the CPUID instruction; Linux can make that instruction fault
// (arch_prctl(2), ARCH_SET_CPUID), and then we answer it, with features left out. Each processor is
// a child, since a library chooses once in a process. Exits 77 where CPUID cannot be made to fault.
//
// ISA-L without SSE4.2 has another hash function and so other bytes, which codec_version() must
// tell: there it is enough that the version differs wherever the bytes do.

#include <asm/prctl.h>
#include <cpuid.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "codec/codec.h"
#include "codec_testing.h"

namespace qcow2stream::testing {
namespace {

struct Processor {
  const char* name;
  // Bits taken away.
  unsigned leaf1_ecx;
  unsigned leaf7_ebx;
  bool same_bytes;  // as on all others with this mark
};

constexpr unsigned kAvx512 =
    (1U << 16) | (1U << 17) | (1U << 21) | (1U << 28) | (1U << 30) | (1U << 31);
constexpr unsigned kAvx2 = kAvx512 | (1U << 5);
constexpr unsigned kBmi = (1U << 3) | (1U << 8);
constexpr unsigned kAvx = (1U << 28) | (1U << 12);                       // and FMA
constexpr unsigned kSse42 = kAvx | (1U << 20) | (1U << 23) | (1U << 1);  // POPCNT, PCLMULQDQ
constexpr unsigned kSse3 = kSse42 | (1U << 19) | (1U << 9) | 1U;         // 4.1, SSSE3, SSE3
constexpr Processor kProcessors[] = {
    {"this one", 0, 0, true},
    {"without AVX-512", 0, kAvx512, true},
    {"without AVX2", 0, kAvx2, true},
    {"without AVX2 and BMI", 0, kAvx2 | kBmi, true},
    {"without AVX", kAvx, kAvx2 | kBmi, true},
    {"without SSE4.2", kSse42, kAvx2 | kBmi, false},
    {"without SSE3", kSse3, kAvx2 | kBmi, false},
};

const Processor* current = nullptr;

void answer_cpuid(int /*signal*/, siginfo_t* /*info*/, void* context) {
  auto* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  if (code[0] != 0x0f || code[1] != 0xa2) std::_Exit(2);  // another fault than CPUID's
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
  const auto leaf = static_cast<unsigned>(registers[REG_RAX]);
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  __cpuid_count(leaf, static_cast<unsigned>(registers[REG_RCX]), a, b, c, d);
  if (leaf == 1) c &= ~current->leaf1_ecx;
  if (leaf == 7) b &= ~current->leaf7_ebx;
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
}

bool become(const Processor& processor) {
  current = &processor;
  struct sigaction action = {};
  action.sa_sigaction = answer_cpuid;
  action.sa_flags = SA_SIGINFO;
  return sigaction(SIGSEGV, &action, nullptr) == 0 &&
         syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) == 0;
}

// A line for each codec: its version and a checksum of what it makes of the samples.
std::string all_bytes() {
  std::string lines;
  for (const Compression& compression : all_compressions()) {
    std::uint32_t sum = 0;
    for (const std::uint32_t cluster_size : {512U, 4096U, 65536U, 2097152U}) {
      // Only ISA-L has code of its own for each processor; the others are slow.
      if (cluster_size > 4096 && is_slow(compression)) continue;
      if (cluster_size > 65536 && compression.level > 2) continue;
      const auto codec = make_codec(compression, cluster_size);
      for (const auto& sample : samples(cluster_size)) {
        sum = checksum(sum, compressed(*codec, sample));
      }
    }
    lines += fmt::format("{}: {:08x}\n", codec_version(compression), sum);
  }
  return lines;
}

// What a child prints that believes to run on the processor; nothing where it cannot.
std::string on(const Processor& processor) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const std::string lines = become(processor) ? all_bytes() : std::string();
    const bool written = write(ends[1], lines.data(), lines.size()) >= 0;
    std::_Exit(written ? 0 : 2);
  }
  close(ends[1]);
  std::string lines;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    lines.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) {
    fmt::print("{}: the child failed, status {}\n", processor.name, status);
    std::exit(1);
  }
  return lines;
}

// The codecs whose lines differ. `excused`: those whose versions differ too.
unsigned count_differences(std::string_view ours, std::string_view theirs, bool excused) {
  unsigned differences = 0;
  while (!ours.empty()) {
    const std::string_view a = ours.substr(0, ours.find('\n'));
    const std::string_view b = theirs.substr(0, theirs.find('\n'));
    const bool other_version = a.substr(0, a.rfind(':')) != b.substr(0, b.rfind(':'));
    if (a != b) {
      fmt::print("  {}\n  {}\n", a, b);
      if (!excused || !other_version) ++differences;
    }
    ours.remove_prefix(a.size() + 1);
    theirs.remove_prefix(b.size() + 1);
  }
  return differences;
}

int run() {
  const std::string ours = on(kProcessors[0]);
  if (ours.empty()) {
    fmt::print("SKIP: the answers of the CPUID instruction cannot be played on this machine\n");
    return 77;
  }
  unsigned differences = 0;
  for (const Processor& processor : kProcessors) {
    fmt::print("{}\n", processor.name);
    std::fflush(stdout);
    differences += count_differences(ours, on(processor), !processor.same_bytes);
  }
  return differences == 0 ? 0 : 1;
}

}  // namespace
}  // namespace qcow2stream::testing

int main() {
  return qcow2stream::testing::run();
}
