/* From reset to main. */
#include <stddef.h>

#include "board.h"

extern uint32_t data_from[], data_start[], bss_start[], bss_end[], stack_top[];

int main(void);
void reset(void);

static void fault(void)
{
    write_text("fault\n");
    finish(0);
}

/* Initial stack pointer, reset, then NMI and the four faults. */
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    stack_top, (const void *)reset, (const void *)fault, (const void *)fault,
    (const void *)fault, (const void *)fault, (const void *)fault,
};

void reset(void)
{
    const uint32_t *from = data_from;
    for (uint32_t *to = data_start; to < bss_start; ++to)
        *to = *from++;
    for (uint32_t *to = bss_start; to < bss_end; ++to)
        *to = 0;
#ifdef __ARM_FP
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: the floating-point unit is open to all */
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
    main();
    finish(1);
}

/* The compiler may call these two for any loop; of a C library nothing else is needed. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memcpy(void *to, const void *from, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

__attribute__((optimize("no-tree-loop-distribute-patterns"))) void *memset(void *to, int value, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        ((char *)to)[i] = (char)value;
    return to;
}
