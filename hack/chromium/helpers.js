// @ts-check
// What each page that is driven gets to know before its own scripts run.
{
  const pause = () => new Promise((resolve) => setTimeout(resolve, 15));

  /** @param {string} selector */
  const only = (selector) => {
    const all = document.querySelectorAll(selector);
    if (all.length > 1) throw new Error(`${selector} is there ${all.length} times`);
    return all[0];
  };

  /**
   * Why a person could not click the element now; "" if they can.
   * @param {Element | undefined} element
   * @param {string} before where it was a moment ago
   */
  const hindrance = (element, before) => {
    if (!element) return "is not there";
    if (element.matches(":disabled, [aria-disabled=true]")) return "is disabled";
    element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) return "has no size";
    const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    const met = hit && (element.contains(hit) || hit.closest("label")?.control === element);
    if (!met) return `is covered by ${hit?.outerHTML.slice(0, 100) ?? "nothing"}`;
    return JSON.stringify(box) === before ? "" : "moves";
  };

  Object.assign(globalThis, {
    journey: {
      /**
       * @param {() => boolean} condition
       * @param {number} limit milliseconds
       */
      async until(condition, limit) {
        const end = performance.now() + limit;
        while (!condition()) {
          if (performance.now() > end) throw new Error("it never was");
          await pause();
        }
        return true;
      },

      /**
       * Where to click.
       * @param {string} selector
       * @param {number} limit milliseconds
       */
      async point(selector, limit) {
        const end = performance.now() + limit;
        let before = "";
        for (;;) {
          const element = only(selector);
          const why = hindrance(element, before);
          const box = element?.getBoundingClientRect();
          if (why === "" && box) return { X: box.x + box.width / 2, Y: box.y + box.height / 2 };
          if (performance.now() > end) throw new Error(`${selector} ${why}`);
          before = JSON.stringify(box);
          await pause();
        }
      },

      /**
       * @param {string} selector
       * @param {string} value
       */
      set(selector, value) {
        const element = /** @type {HTMLInputElement} */ (only(selector));
        element.value = value;
        element.dispatchEvent(new Event("input", { bubbles: true }));
        element.dispatchEvent(new Event("change", { bubbles: true }));
        return true;
      },
    },
  });

  document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.effectiveDirective} refuses ${event.blockedURI} ${event.sample}`),
  );
}
