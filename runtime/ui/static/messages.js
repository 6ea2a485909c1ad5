import { watch } from "./queue.js";
import { letters } from "./letters.js";

const list = letters();
watch({ changed: list.changed });
