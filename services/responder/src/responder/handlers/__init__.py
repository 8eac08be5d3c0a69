"""Which mail answers which event.

event -> may it be answered? (robots never; guides, refusals and news within the hourly limit) -> text
      -> sealed for dispatcher -> DeliveryBatch on the lane `prompt`, stored before the event is acknowledged
"""
