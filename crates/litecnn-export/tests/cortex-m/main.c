/* Writes two lines for each image, its logits (as the bits they are made of) and the instructions they took, and at
 * the end the bytes of stack that were used. All numbers are hexadecimal. */
#include <stddef.h>

#include "board.h"
#include "images.h"
#include "model.h"

#define IMAGES (sizeof images / sizeof images[0])

/* The timer of the processor, which counts down 24 bits at 25 MHz. */
static volatile uint32_t *const timer = (volatile uint32_t *)0xE000E010u;
#define NANOSECONDS_A_TICK 40u

extern uint32_t bss_end[];
#define UNUSED 0xA5A5A5A5u

static void write_number(uint32_t number)
{
    char text[10] = "00000000 ";
    for (int i = 0; i < 8; ++i)
        text[i] = "0123456789abcdef"[number >> (28 - 4 * i) & 15];
    write_text(text);
}

static uint32_t bits(float value)
{
    union { float value; uint32_t bits; } both = { value };
    return both.bits;
}

int main(void)
{
    static float logits[MODEL_CLASSES];
    uint32_t *const here = __builtin_frame_address(0);
    timer[1] = 0xFFFFFFu;
    timer[0] = 5; /* on, by the processor's clock */
    for (uint32_t *word = bss_end; word < here - 64; ++word)
        *word = UNUSED;
    for (size_t i = 0; i < IMAGES; ++i) {
        const uint32_t start = timer[2];
        model_logits(images[i], logits);
        const uint32_t ticks = (start - timer[2]) & 0xFFFFFFu;
        for (size_t j = 0; j < MODEL_CLASSES; ++j)
            write_number(bits(logits[j]));
        write_text("\n");
        write_number(ticks * NANOSECONDS_A_TICK);
        write_text("\n");
    }
    uint32_t *word = bss_end;
    while (*word == UNUSED)
        ++word;
    write_number((uint32_t)((char *)here - (char *)word));
    write_text("\n");
    return 0;
}
